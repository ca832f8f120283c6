enum KernelPlaceholder {}
