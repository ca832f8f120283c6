import Foundation
import Glibc
import TestKit
import Testing

extension ApplianceTests {
    @Suite("Surroundings")
    struct Surroundings {
        private func rule(_ upstream: Upstream) -> String {
            "{ name: site, hosts: [site.test], endpoints: [\"\(upstream.address)\"] }"
        }

        @Test("as the first process of a container it serves, and ends with all it started", .timeLimit(.minutes(1)))
        func firstProcess() async throws {
            let upstream = try await Upstream()
            let appliance = try Appliance(
                .init(rules: [rule(upstream)]), through: ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"])
            do {
                try await appliance.expect(200, host: "site.test")
                let first = try #require(ProcessTable.children(of: appliance.program.pid).first)
                let children = ProcessTable.children(of: first.pid)
                #expect(children.count == 2, "\(children)")
                _ = kill(first.pid, SIGTERM)
                try await eventually("the container to end") { !appliance.program.isRunning }
                #expect(appliance.program.status == 0, "\(tail(appliance.log))")
                for child in children { #expect(!ProcessTable.isAlive(child.pid), "\(child)") }
            } catch {
                await appliance.stop()
                throw error
            }
            await upstream.stop()
        }

        @Test(
            "without root it serves, and says what that means and which port it could not have", .timeLimit(.minutes(1))
        )
        func unprivileged() async throws {
            let upstream = try await Upstream()
            let folder = try TemporaryFolder("unprivileged")
            // Where the repository lies, that user may have no way to.
            for name in ["kontainers", "kontainers-edge"] {
                try FileManager.default.copyItem(atPath: "\(Appliance.programs)/\(name)", toPath: folder(name))
            }
            _ = unsafe chown(folder.path, 65_534, 65_534)
            let wanted = Appliance.Wanted(
                rules: [rule(upstream)], listeners: ["{ name: low, address: \"127.0.0.1:81\", protocol: http }"])
            let appliance = try Appliance(
                wanted, folder: folder, programs: folder.path,
                // A container may be allowed low ports; this user is not.
                through: [
                    "unshare", "--net", "sh", "-c", "ip link set lo up && echo 1024 >\(Self.lowestPort) && exec \"$@\"",
                    "sh", "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                ])
            do {
                try await appliance.logged("low", "81")
                try await appliance.logged("not started as root")
                try await appliance.logged("Kontainers is up")
                #expect(appliance.edge != nil && appliance.control != nil)
            } catch {
                await appliance.stop()
                throw error
            }
            await appliance.stop()
            await upstream.stop()
        }

        private static let lowestPort = "/proc/sys/net/ipv4/ip_unprivileged_port_start"

        @Test("the edge alone serves a snapshot and drains", .timeLimit(.minutes(1)))
        func edgeAlone() async throws {
            let upstream = try await Upstream()
            let folder = try TemporaryFolder("edge")
            let port = try freePort()
            let snapshot = try folder.write(
                "snapshot.json",
                """
                {"revision": 1, "listeners": [{"name": "web", "address": "127.0.0.1:\(port)", "protocol": "http"}],
                 "rules": [{"name": "site", "hosts": ["site.test"], "endpoints": [{"address": "\(upstream.address)"}]}]}
                """)
            let edge = try Program(
                "\(Appliance.programs)/kontainers-edge", ["--snapshot", snapshot, "--workers", "1"], log: folder("log"))
            try await eventually("200 from the edge alone") { try get(host: "site.test", port: port).status == 200 }
            let slow = try RawConnection(port: port)
            try slow.send("GET /slow?1 HTTP/1.1\r\nHost: site.test\r\n\r\n")
            try await Task.sleep(for: .milliseconds(200))
            edge.send(SIGTERM)
            #expect(try slow.answer().status == 200, "\(edge.log)")
            try await eventually("the edge to end") { !edge.isRunning }
            #expect(edge.status == 0, "\(edge.log)")
            await upstream.stop()
        }

        @Test("what is kept on disk is for its owner only, and holds no readable key", .timeLimit(.minutes(1)))
        func onDisk() async throws {
            let made = try TemporaryFolder("certificates")
            let site = try await MadeCertificate.make(["site.test"], in: made)
            let key = try String(contentsOfFile: site.key, encoding: .utf8).split(separator: "\n")[1]
            try await withAppliance(.init(certificates: [site.item(named: "site")])) { appliance in
                try await eventually("a snapshot on disk") {
                    try await run("grep", ["-rlF", "sealed:", appliance.folder("data")]).status == 0
                }
                let readable = try await run("find", [appliance.folder("data"), "-type", "f", "-perm", "/077"])
                #expect(readable.out == "", "files that others may read")
                let plain = try await run("grep", ["-rlF", String(key), appliance.folder("data")], anyStatus: true)
                #expect(plain.out == "", "files with the key")
            }
        }

        @Test("an engine that is reached over TCP is followed like one on a socket", .timeLimit(.minutes(1)))
        func overTCP() async throws {
            let engine = try engineOfTheRun()
            let port = try freePort()
            let folder = try TemporaryFolder("forward")
            let forward = try Program(
                Appliance.python, ["\(Appliance.clients)/forward.py", "\(port)", engine.socket], log: folder("log"))
            try await eventually("the forwarder to listen") { forward.log.contains("listening") }
            try await withAppliance(.init(docker: "tcp://127.0.0.1:\(port)")) { appliance in
                try await engine.start(
                    "app", ["kontainers.enable=true", "kontainers.host=app.test", "kontainers.hold=0s"])
                #expect(try await appliance.expect(200, host: "app.test").word == "app")
                try await engine.removeAll()
                try await appliance.expect(404, host: "app.test")
            }
            await forward.stop(within: .seconds(1))
        }
    }
}
