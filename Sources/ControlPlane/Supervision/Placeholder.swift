enum SupervisionPlaceholder {}
