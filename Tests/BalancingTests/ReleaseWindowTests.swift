import Balancing
import Testing

@Suite("Windows of lines that are let go")
struct ReleaseWindowTests {
    @Test("begin with two, grow by one with each connect that comes about, and end at their limit")
    func growth() {
        var window = ReleaseWindow()
        var sizes: [UInt32] = []
        for _ in 0..<6 {
            sizes.append(window.size)
            while window.isOpen { window.begin() }
            #expect(window.out == window.size)
            for _ in 0..<window.out { window.cameAbout() }
        }
        #expect(sizes == [2, 4, 8, 16, 32, 64])
        #expect(window.size == ReleaseWindow.largest && window.out == 0)
        window.begin()
        window.cameAbout()
        #expect(window.size == ReleaseWindow.largest)
    }

    @Test("are halved by a connect that stalls, go on without it, and grow slowly from there")
    func stalls() {
        var window = ReleaseWindow()
        for _ in 0..<14 {
            window.begin()
            window.cameAbout()
        }
        #expect(window.size == 16)
        while window.isOpen { window.begin() }
        window.stalled()
        #expect(window.size == 8 && window.out == 15 && !window.isOpen)
        for _ in 0..<7 { window.leave() }
        #expect(!window.isOpen)
        window.leave()
        #expect(window.isOpen)
        for _ in 0..<7 { window.cameAbout() }
        #expect(window.size == 8)
        window.begin()
        window.cameAbout()
        #expect(window.size == 9 && window.out == 0)
        for _ in 0..<9 {
            window.begin()
            window.stalled()
        }
        #expect(window.size == 1 && window.isOpen)
    }

    @Test("begin anew with a connect that fails")
    func failure() {
        var window = ReleaseWindow()
        for _ in 0..<30 {
            window.begin()
            window.cameAbout()
        }
        window.begin()
        window.stalled()
        window.begin()
        window.failed()
        #expect(window == ReleaseWindow())
    }
}

@Suite("Room at endpoints")
struct EndpointRoomTests {
    @Test("is without end until one is found full, then one less than that, and grows by one for each roomful")
    func growth() {
        var room = EndpointRoom()
        room.cameAbout()
        #expect(room.isThere(beside: 1_000_000))
        room.foundFull(with: 12)
        room.foundFull(with: 5)
        room.foundFull(with: 9)
        #expect(room.limit == 4 && room.isThere(beside: 3) && !room.isThere(beside: 4))
        for _ in 0..<3 { room.cameAbout() }
        #expect(room.limit == 4)
        room.cameAbout()
        #expect(room.limit == 5)
        for count: UInt32 in [1, 0] {
            room.foundFull(with: count)
            #expect(room.limit == 1 && room.isThere(beside: 0))
        }
    }
}
