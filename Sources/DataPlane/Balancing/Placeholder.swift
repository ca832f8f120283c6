enum BalancingPlaceholder {}
