print("kontainers")
