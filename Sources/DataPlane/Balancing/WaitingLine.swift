/// Exchanges that wait for an endpoint to become free or ready: first come, first served, so many at most, and none for
/// longer than it may. One for each pool and worker.
///
/// Waiting is the same length for all, so the one that came first is also the first to have waited too long.
public struct WaitingLine: Sendable {
    /// A place in the line. Using it after the place was left finds nobody.
    public struct Seat: Sendable, BitwiseCopyable, Equatable {
        fileprivate var slot: UInt32
        /// Odd for a place that was taken.
        fileprivate var generation: UInt32

        fileprivate init(slot: UInt32, generation: UInt32) {
            self.slot = slot
            self.generation = generation
        }

        /// No place.
        public init() { self.init(slot: 0, generation: 0) }
    }

    private struct Place {
        var who: UInt32 = 0
        /// Odd while somebody waits here.
        var generation: UInt32 = 0
        var deadline: UInt64 = 0
        var previous: UInt32 = WaitingLine.nobody
        var next: UInt32 = WaitingLine.nobody
    }

    private static let nobody = UInt32.max

    /// Places. When it becomes smaller, those who wait stay.
    public var capacity: Int
    /// Nanoseconds that one may wait.
    public var patience: UInt64
    public private(set) var count = 0
    private var places: [Place] = []
    private var vacant = WaitingLine.nobody
    private var first = WaitingLine.nobody
    private var last = WaitingLine.nobody

    public init(capacity: Int, patience: UInt64) {
        self.capacity = capacity
        self.patience = patience
    }

    public var isEmpty: Bool { count == 0 }

    /// When the first has waited too long.
    public var deadline: UInt64? { first == Self.nobody ? nil : places[Int(first)].deadline }

    /// Goes to the end of the line.
    ///
    /// - Returns: `nil` when it is full: the exchange is refused.
    public mutating func join(_ who: UInt32, now: UInt64) -> Seat? {
        guard count < capacity else { return nil }
        let slot = vacantSlot()
        // Not before those in front, should patience have become shorter: the order is that of deadlines.
        let floor = last == Self.nobody ? 0 : places[Int(last)].deadline
        let generation = places[Int(slot)].generation &+ 1
        let (sum, isTooLate) = now.addingReportingOverflow(patience)
        places[Int(slot)] = Place(
            who: who, generation: generation, deadline: max(isTooLate ? .max : sum, floor), previous: last
        )
        if last == Self.nobody { first = slot } else { places[Int(last)].next = slot }
        last = slot
        count += 1
        return Seat(slot: slot, generation: generation)
    }

    /// Goes to the front of the line, whatever its capacity: it was served, and nothing came of it.
    public mutating func rejoin(_ who: UInt32) -> Seat {
        let slot = vacantSlot()
        let generation = places[Int(slot)].generation &+ 1
        // Not behind those that follow: the order is that of deadlines.
        let deadline = first == Self.nobody ? .max : places[Int(first)].deadline
        places[Int(slot)] = Place(who: who, generation: generation, deadline: deadline, next: first)
        if first == Self.nobody { last = slot } else { places[Int(first)].previous = slot }
        first = slot
        count += 1
        return Seat(slot: slot, generation: generation)
    }

    private mutating func vacantSlot() -> UInt32 {
        if vacant != Self.nobody {
            defer { vacant = places[Int(vacant)].next }
            return vacant
        }
        places.append(Place())
        return UInt32(places.count - 1)
    }

    /// Gives up a place: the client went. Nothing happens to one that was left before.
    ///
    /// - Returns: whether somebody was there.
    @discardableResult
    public mutating func leave(_ seat: Seat) -> Bool {
        guard Int(seat.slot) < places.count, seat.generation & 1 == 1,
            places[Int(seat.slot)].generation == seat.generation
        else {
            return false
        }
        remove(seat.slot)
        return true
    }

    /// Takes the first who may still wait, to be served.
    public mutating func serve(now: UInt64) -> UInt32? {
        guard first != Self.nobody, places[Int(first)].deadline > now else { return nil }
        return remove(first)
    }

    /// Takes the first if it has waited too long, to be refused. Call it until there is none, before ``serve(now:)``.
    public mutating func expire(now: UInt64) -> UInt32? {
        guard first != Self.nobody, places[Int(first)].deadline <= now else { return nil }
        return remove(first)
    }

    @discardableResult
    private mutating func remove(_ slot: UInt32) -> UInt32 {
        let place = places[Int(slot)]
        if place.previous == Self.nobody {
            first = place.next
        } else {
            places[Int(place.previous)].next = place.next
        }
        if place.next == Self.nobody {
            last = place.previous
        } else {
            places[Int(place.next)].previous = place.previous
        }
        places[Int(slot)].generation &+= 1
        places[Int(slot)].next = vacant
        vacant = slot
        count -= 1
        return place.who
    }
}
