import Contract

// Engines whose containers are served, and what their labels may ask for.

extension FileReader {
    mutating func readDocker(_ file: Fields) {
        guard let fields = section("docker", of: file) else { return }
        var seen: Set<String> = []
        for (text, position) in reader.texts("endpoint", of: fields) {
            guard seen.insert(text).inserted else {
                reader.report(
                    "duplicate-endpoint", .warning, at: position, subject: "docker",
                    found: "found \(Shown.quoted(text)) twice", wanted: "wanted each engine once")
                continue
            }
            if let endpoint = try? Addresses.dockerEndpoint(text) { configuration.dockerEndpoints.append(endpoint) }
        }
        readListenPolicy(fields)
        if !fields.has("endpoint"), reader.errorCount == 0 {
            reader.report(
                "missing-field", at: fields.position, subject: "docker", found: "found no \"endpoint\" in docker",
                wanted: "wanted \(FieldType.dockerEndpoint.wanted)")
        }
    }

    private mutating func readListenPolicy(_ docker: Fields) {
        if let address = reader.text("listenAddress", of: docker) { configuration.listenPolicy.address = address }
        guard docker.has("listen") else { return }
        let said = reader.texts("listen", of: docker)
        if said.count > 1, let off = said.first(where: { $0.text == "off" }) {
            reader.report(
                "said-in-vain", at: off.position, subject: "docker", found: "found \"off\" beside ports in \"listen\"",
                wanted: "wanted one of them")
        }
        configuration.listenPolicy.ports = said.compactMap { text, _ in
            let bounds = text.split(separator: "-").compactMap { Int($0) }
            return bounds.count == 2 ? bounds[0]...bounds[1] : nil
        }
    }
}
