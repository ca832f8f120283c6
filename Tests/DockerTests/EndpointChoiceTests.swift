import Contract
import KontainersConfiguration
import Testing

@testable import Docker

@Suite("Endpoint choice")
struct EndpointChoiceTests {
    /// docker0 on 198.18.0.0/24, a bridge on 198.18.1.0/24; the default route and the rejecting one must not count.
    static let routes = LocalRoutes(
        route: """
            Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
            eth0\t00000000\t010011AC\t0003\t0\t0\t0\t00000000\t0\t0\t0
            docker0\t000012C6\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
            br-1\t000112C6\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
            eth1\t000512C6\t00000000\t0201\t0\t0\t0\t00FFFFFF\t0\t0\t0
            nonsense
            """,
        route6: "fd000000000000000000000000000000 40 "
            + "00000000000000000000000000000000 00 00000000000000000000000000000000 "
            + "00000100 00000001 00000000 00000001 br-6"
    )

    static func attachment(_ network: String, _ address: String, _ driver: String? = "bridge")
        -> ContainerRecord.Attachment
    { .init(network: network, networkID: "id-\(network)", driver: driver, address: address) }

    static func record(
        _ networks: [ContainerRecord.Attachment], ports: [Int] = [80], mode: String = "default"
    ) -> ContainerRecord {
        ContainerRecord(
            id: "c1", name: "web", exposedPorts: ports.map { .init(number: $0) }, networks: networks, networkMode: mode)
    }

    static func choose(
        _ record: ContainerRecord, port: Int? = nil, network: String? = nil, routes: LocalRoutes? = Self.routes,
        others: [ContainerRecord] = []
    ) -> EndpointChoice {
        EndpointChoice(
            for: record, wish: .init(port: port, network: network, place: .container("web"), rule: "web"),
            surroundings: .init(hostAddress: "127.0.0.1", routes: routes),
            container: { id in others.first { $0.id == id } })
    }

    @Test(
        "takes a network that this host reaches",
        arguments: [
            ([attachment("bridge", "198.18.0.2")], "198.18.0.2:80"),
            // The default bridge comes last, the others by name.
            ([attachment("bridge", "198.18.0.2"), attachment("front", "198.18.1.2")], "198.18.1.2:80"),
            ([attachment("zoo", "198.18.1.9"), attachment("app", "198.18.1.2")], "198.18.1.2:80"),
            // No route, overlay, macvlan: passed over.
            ([attachment("app", "203.0.113.2"), attachment("zoo", "198.18.1.9")], "198.18.1.9:80"),
            ([attachment("app", "198.18.1.2", "overlay"), attachment("zoo", "198.18.1.9")], "198.18.1.9:80"),
            ([attachment("app", "198.18.1.2", "macvlan"), attachment("bridge", "198.18.0.9")], "198.18.0.9:80"),
            // A route that rejects is none.
            ([attachment("app", "198.18.5.2"), attachment("bridge", "198.18.0.9")], "198.18.0.9:80"),
            // A driver that is not known yet is judged by the routes alone.
            ([attachment("app", "198.18.1.2", nil)], "198.18.1.2:80"),
            ([.init(network: "six", driver: "bridge", address: "", address6: "fd00::5")], "[fd00::5]:80"),
            // Nonsense in place of an address is no address.
            ([attachment("app", "$(reboot)"), attachment("zoo", "198.18.1.9")], "198.18.1.9:80"),
        ])
    func reachable(_ networks: [ContainerRecord.Attachment], _ expected: String) {
        let choice = Self.choose(Self.record(networks))
        #expect(choice.endpoint?.address == expected)
        #expect(choice.diagnosis == nil)
        #expect(!choice.reason.isEmpty)
    }

    @Test("says which network was taken and why")
    func reason() {
        let record = Self.record([
            Self.attachment("bridge", "198.18.0.2"), Self.attachment("front", "198.18.1.2"),
            Self.attachment("swarm", "198.18.1.3", "overlay"),
        ])
        #expect(
            Self.choose(record).reason
                == "198.18.1.2 on front is used: the first by name of those this host reaches (also: bridge), "
                + "over br-1; swarm (overlay) is not reachable from the host")
    }

    @Test("refuses when no network can be reached, and says what to do")
    func unreachable() {
        let choice = Self.choose(Self.record([Self.attachment("swarm", "198.18.1.2", "overlay")]))
        #expect(choice.endpoint == nil)
        #expect(choice.diagnosis?.code == "no-reachable-network")
        #expect(choice.diagnosis?.found == "found that swarm (overlay) is not reachable from the host")
    }

    @Test("obeys the network that a label names, and warns where it looks out of reach")
    func label() {
        let networks = [
            Self.attachment("bridge", "198.18.0.2"), Self.attachment("front", "198.18.1.2"),
            Self.attachment("shop_back", "203.0.113.7"),
        ]
        #expect(Self.choose(Self.record(networks), network: "bridge").endpoint?.address == "198.18.0.2:80")
        // The name that Compose makes of a project and a network.
        let back = Self.choose(Self.record(networks), network: "back")
        #expect(back.endpoint?.address == "203.0.113.7:80")
        #expect(back.diagnosis?.severity == .warning)
        let unknown = Self.choose(Self.record(networks), network: "fornt")
        #expect(unknown.endpoint == nil)
        #expect(unknown.diagnosis?.wanted == "wanted one of its networks: bridge, front, shop_back")
    }

    @Test("uses the host's own address for a container with the host's network")
    func host() {
        let record = Self.record([Self.attachment("host", "", "host")], ports: [], mode: "host")
        #expect(Self.choose(record, port: 8080).endpoint?.address == "127.0.0.1:8080")
        #expect(Self.choose(record).diagnosis?.code == "no-port")
    }

    @Test("follows a shared network to the container that has it")
    func shared() {
        var owner = Self.record([Self.attachment("front", "198.18.1.7")])
        owner.id = "owner"
        owner.name = "pod"
        let record = Self.record([], mode: "container:owner")
        #expect(Self.choose(record, others: [owner]).endpoint?.address == "198.18.1.7:80")
        #expect(Self.choose(record).diagnosis?.code == "no-network")
        // Two that name each other must not be followed for ever.
        owner.networkMode = "container:c1"
        #expect(Self.choose(record, others: [owner]).endpoint == nil)
    }

    @Test(
        "takes the only exposed port, or asks for a label",
        arguments: [
            ([80], nil, "198.18.1.2:80", nil), ([80, 443], 443, "198.18.1.2:443", nil),
            ([80, 443], nil, nil, "several-ports"), ([], nil, nil, "no-port"),
        ] as [([Int], Int?, String?, String?)])
    func ports(_ exposed: [Int], _ wish: Int?, _ address: String?, _ code: String?) {
        let choice = Self.choose(Self.record([Self.attachment("front", "198.18.1.2")], ports: exposed), port: wish)
        #expect(choice.endpoint?.address == address)
        #expect(choice.diagnosis?.code == code)
    }

    @Test("does not count a UDP port as the one that HTTP goes to")
    func transports() {
        var record = Self.record([Self.attachment("front", "198.18.1.2")])
        record.exposedPorts = [.init(number: 53, transport: .udp), .init(number: 8080)]
        #expect(Self.choose(record).endpoint?.address == "198.18.1.2:8080")
    }

    @Test("takes a bridge to be reachable where the routes are not known")
    func withoutRoutes() {
        let record = Self.record([Self.attachment("front", "203.0.113.2")])
        #expect(Self.choose(record, routes: nil).endpoint?.address == "203.0.113.2:80")
    }

    @Test(
        "knows who gets requests",
        arguments: [
            (.running, .none, false, .ready), (.running, .healthy, false, .ready),
            (.running, .starting, false, .starting), (.running, .unhealthy, false, .down("is unhealthy")),
            (.running, .healthy, true, .down("is stopping")), (.paused, .none, false, .down("is paused")),
            (.restarting, .none, false, .down("is restarting")), (.exited, .healthy, false, .down("has stopped")),
            (.created, .none, false, .down("was never started")), (.dead, .none, false, .down("is dead")),
            (.removing, .none, false, .down("is being removed")),
        ] as [(ContainerRecord.State, ContainerRecord.Health, Bool, Readiness)])
    func readiness(
        _ state: ContainerRecord.State, _ health: ContainerRecord.Health, _ stopping: Bool, _ expected: Readiness
    ) {
        #expect(
            Readiness(ContainerRecord(id: "a", name: "a", state: state, health: health, isStopping: stopping))
                == expected)
    }
}
