import Contract
import Supervision
import Testing

@Suite("Listener plan")
struct ListenerPlanTests {
    private let web = Listener(name: "web", address: "0.0.0.0:80", wireProtocol: .http)
    private let secure = Listener(name: "secure", address: "0.0.0.0:443", wireProtocol: .https)
    private let dns = Listener(name: "dns", address: "0.0.0.0:53", wireProtocol: .udp)

    @Test("opens all when nothing is held")
    func start() {
        let plan = ListenerPlan(held: [], asked: [web, secure])
        #expect(plan.steps == [.open(web), .open(secure)] && plan.forgotten == [])
    }

    @Test("keeps what stays, closes what is gone, opens what is new")
    func change() {
        let plan = ListenerPlan(held: [web, secure], asked: [dns, web])
        #expect(plan.steps == [.open(dns), .keep(web)])
        #expect(plan.forgotten == ["secure"])
    }

    @Test("does nothing when nothing changed")
    func same() {
        let plan = ListenerPlan(held: [web, secure, dns], asked: [dns, secure, web])
        #expect(plan.steps == [.keep(dns), .keep(secure), .keep(web)] && plan.forgotten == [])
    }

    @Test("keeps the sockets under another name or protocol")
    func adoption() {
        let renamed = Listener(name: "front", address: "0.0.0.0:80", wireProtocol: .http)
        let encrypted = Listener(name: "web", address: "0.0.0.0:80", wireProtocol: .https)
        #expect(ListenerPlan(held: [web], asked: [renamed]).steps == [.adopt(renamed, from: "web")])
        #expect(ListenerPlan(held: [web], asked: [encrypted]).steps == [.adopt(encrypted, from: "web")])
        #expect(ListenerPlan(held: [web], asked: [renamed]).forgotten == ["web"])
        #expect(ListenerPlan(held: [web], asked: [encrypted]).forgotten == ["web"])
    }

    @Test("lets two listeners change places without closing a socket")
    func exchange() {
        let one = Listener(name: "web", address: secure.address, wireProtocol: .http)
        let two = Listener(name: "secure", address: web.address, wireProtocol: .https)
        let plan = ListenerPlan(held: [web, secure], asked: [one, two])
        #expect(plan.steps == [.adopt(one, from: "secure"), .adopt(two, from: "web")])
        #expect(plan.forgotten == ["web", "secure"])
    }

    @Test("opens anew what moved to another address or from stream to datagram")
    func moved() {
        let moved = Listener(name: "web", address: "0.0.0.0:8080", wireProtocol: .http)
        let datagram = Listener(name: "web", address: "0.0.0.0:80", wireProtocol: .udp)
        for listener in [moved, datagram] {
            let plan = ListenerPlan(held: [web], asked: [listener])
            #expect(plan.steps == [.open(listener)] && plan.forgotten == ["web"])
        }
    }

    @Test("a stream and a datagram socket may have one port")
    func transports() {
        let tcp = Listener(name: "dns-tcp", address: "0.0.0.0:53", wireProtocol: .tcp)
        #expect(ListenerPlan(held: [], asked: [dns, tcp]).steps == [.open(dns), .open(tcp)])
    }

    @Test("port 0 is another port for each, and stays what it became")
    func anyPort() {
        let one = Listener(name: "one", address: "127.0.0.1:0", wireProtocol: .http)
        let two = Listener(name: "two", address: "127.0.0.1:0", wireProtocol: .http)
        #expect(ListenerPlan(held: [], asked: [one, two]).steps == [.open(one), .open(two)])
        #expect(ListenerPlan(held: [one], asked: [one, two]).steps == [.keep(one), .open(two)])
        // Another name would be another wish: nothing says that the port is the one meant.
        #expect(ListenerPlan(held: [one], asked: [two]).steps == [.open(two)])
    }

    @Test("refuses a name or an address that is there twice, and says which has it")
    func duplicates() throws {
        let other = Listener(name: "other", address: "0.0.0.0:80", wireProtocol: .https)
        let twin = Listener(name: "web", address: "0.0.0.0:81", wireProtocol: .http)
        let plan = ListenerPlan(held: [web], asked: [web, other, twin])
        try #require(plan.steps.count == 3)
        #expect(plan.steps[0] == .keep(web))
        guard case .refuse(other, let address) = plan.steps[1], case .refuse(twin, let name) = plan.steps[2] else {
            Issue.record("found \(plan.steps)")
            return
        }
        #expect(address.contains("listener web has it"))
        #expect(name.contains("two listeners named web"))
        #expect(plan.forgotten == [])
    }

    @Test("takes as many listeners as the limit says", arguments: [-1, 0, 1])
    func limit(beyond: Int) {
        let count = ListenerPlan.listenersLimit + beyond
        let asked = (0..<count).map {
            Listener(name: "l\($0)", address: "127.0.0.1:\($0 + 1)", wireProtocol: .http)
        }
        let plan = ListenerPlan(held: [], asked: asked)
        let refused = plan.steps.count { if case .refuse = $0 { true } else { false } }
        #expect(plan.steps.count == count && refused == max(0, beyond))
    }
}
