print("kontainers-edge")
