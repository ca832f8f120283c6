enum DockerPlaceholder {}
