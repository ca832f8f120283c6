import Foundation

extension DockerEngine {
    /// Serves `/` with the container's name, `/cgi-bin/slow` after a while, `/cgi-bin/echo` with what it received; made
    /// of busybox alone.
    public static let webImage = "local/web:1"

    func importWebImage() async throws {
        let root = folder("image")
        for folder in ["bin", "www/cgi-bin", "etc", "tmp", "proc", "sys", "dev"] {
            try FileManager.default.createDirectory(atPath: "\(root)/\(folder)", withIntermediateDirectories: true)
        }
        let busybox = ["/bin/busybox", "/usr/bin/busybox"].first { FileManager.default.fileExists(atPath: $0) }
        try FileManager.default.copyItem(atPath: busybox ?? "/bin/busybox", toPath: "\(root)/bin/busybox")
        for name in ["sh", "httpd", "sleep", "cat", "echo", "env", "test", "touch", "rm", "sort", "nc"] {
            try FileManager.default.createSymbolicLink(atPath: "\(root)/bin/\(name)", withDestinationPath: "busybox")
        }
        let scripts = [
            "bin/serve": """
            #!/bin/sh
            echo "${NAME:-unnamed}" > /www/index.html
            for port in ${PORTS:-80}; do
                mkdir -p /www/$port && cp -r /www/index.html /www/cgi-bin /www/$port/ && echo "$port" > /www/$port/port
                httpd -f -p $port -h /www/$port &
                listeners="$listeners $!"
            done
            # What is under way has a process of its own and finishes, as with any server that stops in good order.
            trap 'kill $listeners; sleep 0.2; exit 0' TERM
            while :; do sleep 1000 & wait $!; done
            """,
            "www/cgi-bin/slow": """
            #!/bin/sh
            sleep ${QUERY_STRING:-1}
            printf 'Content-Type: text/plain\\r\\n\\r\\nslow %s\\n' "$NAME"
            """,
            "www/cgi-bin/echo": """
            #!/bin/sh
            printf 'Content-Type: text/plain\\r\\n\\r\\n'
            env | sort
            """,
        ]
        for (path, text) in scripts {
            try (text + "\n").write(toFile: "\(root)/\(path)", atomically: false, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: "\(root)/\(path)")
        }
        for name in ["mkdir", "cp"] {
            try FileManager.default.createSymbolicLink(atPath: "\(root)/bin/\(name)", withDestinationPath: "busybox")
        }
        try await run("tar", ["-C", root, "-cf", folder("image.tar"), "."])
        // Exposes one port, as most images do: a label need not name it.
        try await docker(
            "import", "-c", "EXPOSE 80", "-c", "CMD [\"/bin/sh\", \"/bin/serve\"]", folder("image.tar"), Self.webImage)
        // And the same with two, so that one must be chosen.
        try await docker(
            "import", "-c", "EXPOSE 80 8080", "-c", "CMD [\"/bin/sh\", \"/bin/serve\"]", "-c", "ENV PORTS=\"80 8080\"",
            folder("image.tar"), "local/two:1")
    }

    /// Starts a container that answers with its own name.
    /// - Parameter labels: `key=value`.
    public func start(
        _ name: String, _ labels: [String], image: String = webImage, network: String? = nil, extra: [String] = []
    ) async throws {
        try await create(name, labels, image: image, network: network, extra: extra)
        try await docker("start", name)
    }

    /// Makes a container without starting it.
    public func create(
        _ name: String, _ labels: [String], image: String = webImage, network: String? = nil, extra: [String] = []
    ) async throws {
        var arguments = ["-H", endpoint, "create", "--name", name, "--env", "NAME=\(name)"]
        for label in labels { arguments += ["--label", label] }
        if let network { arguments += ["--network", network] }
        try await run("docker", arguments + extra + [image])
    }

    /// Takes containers away that exist; absent ones are no fault.
    public func remove(_ names: String...) async throws {
        try await run("docker", ["-H", endpoint, "rm", "-f", "-v"] + names, anyStatus: true)
    }

    /// Takes every container away, and every network: an engine that stops leaves the bridges of its networks behind.
    public func removeAll() async throws {
        let all = try await docker("ps", "-aq").line.split(separator: "\n").map(String.init)
        if !all.isEmpty { try await run("docker", ["-H", endpoint, "rm", "-f", "-v"] + all) }
        try await docker("network", "prune", "--force")
    }

    /// A field of `docker inspect`, by a Go template.
    public func inspect(_ name: String, _ template: String) async throws -> String {
        try await docker("inspect", "-f", template, name).line
    }

    public func address(of name: String) async throws -> String {
        try await inspect(name, "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}")
    }
}
