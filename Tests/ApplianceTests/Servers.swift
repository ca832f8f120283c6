import Foundation
import Glibc
import TestKit

/// A server of another project, on a port of loopback, in a folder of its own.
final class Server: Sendable {
    let port: Int
    let folder: TemporaryFolder
    private let program: Program

    var address: String { "127.0.0.1:\(port)" }
    var log: String { program.log }

    init(port: Int, folder: TemporaryFolder, _ path: String, _ arguments: [String]) throws {
        (self.port, self.folder) = (port, folder)
        program = try Program(path, arguments, log: folder("server.log"))
    }

    func stop() async { await program.stop(within: .seconds(5)) }

    /// Waits until it takes connections.
    func listening() async throws -> Server {
        do {
            try await eventually("\(program.name) to listen") {
                guard program.isRunning else { return false }
                return (try? RawConnection(port: port)) != nil
            }
        } catch {
            throw Ended(log: "\(error)\n\(log)")
        }
        return self
    }
}

extension Server {
    static func redis() async throws -> Server {
        let (port, folder) = (try freePort(), try TemporaryFolder("redis"))
        let arguments = ["--port", "\(port)", "--bind", "127.0.0.1", "--save", "", "--dir", folder.path]
        return try await Server(port: port, folder: folder, "redis-server", arguments).listening()
    }

    /// - Parameter certificate: TLS where there is one.
    static func postgres(_ certificate: MadeCertificate? = nil) async throws -> Server {
        let (port, folder) = (try freePort(), try TemporaryFolder("postgres"))
        // The newest that is installed.
        let versions = try FileManager.default.contentsOfDirectory(atPath: "/usr/lib/postgresql").sorted {
            (Int($0) ?? 0) < (Int($1) ?? 0)
        }
        guard let version = versions.last else { throw ProgramMissing(name: "postgres") }
        let programs = "/usr/lib/postgresql/\(version)/bin"
        // PostgreSQL does not run as root.
        let asOwner = geteuid() == 0 ? ["runuser", "-u", "postgres", "--"] : ["env"]
        let data = folder("data")
        try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
        if geteuid() == 0 {
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder.path)
            try await run("chown", ["postgres", data])
        }
        let make = asOwner + ["\(programs)/initdb", "-D", data, "-U", "postgres", "-A", "trust", "-N"]
        try await run(make[0], Array(make.dropFirst()), within: .seconds(60))
        var arguments = asOwner + ["\(programs)/postgres", "-D", data, "-p", "\(port)", "-c", "fsync=off"]
        arguments += ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=\(data)"]
        if let certificate {
            for (from, to) in [(certificate.certificate, "server.crt"), (certificate.key, "server.key")] {
                try await run("cp", [from, "\(data)/\(to)"])
                if geteuid() == 0 { try await run("chown", ["postgres", "\(data)/\(to)"]) }
                try await run("chmod", ["600", "\(data)/\(to)"])
            }
            arguments += ["-c", "ssl=on"]
        }
        return try await Server(port: port, folder: folder, arguments[0], Array(arguments.dropFirst())).listening()
    }

    /// With TLS, and one user `ann`.
    static func mariadb(_ certificate: MadeCertificate, password: String) async throws -> Server {
        let (port, folder) = (try freePort(), try TemporaryFolder("mariadb"))
        let data = folder("data")
        let user = geteuid() == 0 ? ["--user=root"] : []
        try await run(
            "mariadb-install-db",
            ["--no-defaults", "--datadir=\(data)", "--auth-root-authentication-method=normal", "--skip-test-db"] + user,
            within: .seconds(60))
        let start = try folder.write(
            "start.sql",
            """
            DELETE FROM mysql.global_priv WHERE User = '';
            FLUSH PRIVILEGES;
            CREATE USER ann@'%' IDENTIFIED BY '\(password)';
            GRANT ALL ON *.* TO ann@'%';
            """)
        let arguments = [
            "--no-defaults", "--datadir=\(data)", "--port=\(port)", "--bind-address=127.0.0.1",
            "--socket=\(folder("socket"))", "--pid-file=\(folder("pid"))", "--ssl-cert=\(certificate.certificate)",
            "--ssl-key=\(certificate.key)", "--init-file=\(start)", "--skip-networking=0",
        ]
        return try await Server(port: port, folder: folder, "mariadbd", arguments + user).listening()
    }

    /// Lets whoever has the key `folder("client")` in as the user of the test.
    static func ssh() async throws -> Server {
        let (port, folder) = (try freePort(), try TemporaryFolder("ssh"))
        for key in ["host", "client"] {
            try await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", folder(key)])
        }
        try await run("cp", [folder("client.pub"), folder("authorized")])
        if geteuid() == 0 { try await run("mkdir", ["-p", "/run/sshd"]) }
        let settings = [
            "ListenAddress 127.0.0.1", "Port \(port)", "HostKey \(folder("host"))", "PidFile none", "UsePAM no",
            "AuthorizedKeysFile \(folder("authorized"))", "StrictModes no", "PermitRootLogin prohibit-password",
            "PasswordAuthentication no",
        ]
        try folder.write("sshd_config", settings.joined(separator: "\n") + "\n")
        let arguments = ["-D", "-e", "-f", folder("sshd_config")]
        return try await Server(port: port, folder: folder, "/usr/sbin/sshd", arguments).listening()
    }

    /// Answers for every name under site.test.
    static func dns() async throws -> Server {
        let (port, folder) = (try freePort(), try TemporaryFolder("dns"))
        let arguments = [
            "--keep-in-foreground", "--port=\(port)", "--listen-address=127.0.0.1", "--bind-interfaces", "--no-resolv",
            "--no-hosts", "--conf-file=/dev/null", "--address=/site.test/192.0.2.1", "--user=", "--pid-file=",
        ]
        return try await Server(port: port, folder: folder, "dnsmasq", arguments).listening()
    }

    static func iperf() async throws -> Server {
        let (port, folder) = (try freePort(), try TemporaryFolder("iperf"))
        let arguments = ["--server", "--port", "\(port)", "--bind", "127.0.0.1"]
        return try await Server(port: port, folder: folder, "iperf3", arguments).listening()
    }

    /// Speaks TLS, and sends each line back turned round.
    static func turning(_ certificate: MadeCertificate) async throws -> Server {
        let (port, folder) = (try freePort(), try TemporaryFolder("turning"))
        let arguments = ["s_server", "-accept", "127.0.0.1:\(port)", "-quiet", "-rev"]
        let identity = ["-cert", certificate.certificate, "-key", certificate.key]
        return try await Server(port: port, folder: folder, "openssl", arguments + identity).listening()
    }
}
