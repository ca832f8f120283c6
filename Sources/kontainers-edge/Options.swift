/// What the edge was told on its command line.
struct Options {
    /// A snapshot to serve from the start.
    var snapshot: String?
    /// Worker threads; `nil` means one a core, or what the supervisor says.
    var workers: Int?
    /// The Unix socket on which control serves the Link.
    var link: String?
    /// A folder of the edge's own, for the last good snapshot.
    var data: String?
    /// Whom to become once the listeners are open, when started by root.
    var user: String?
    /// Descriptor 3 is the supervisor's channel.
    var isSupervised = false

    static let help = """
        kontainers-edge: the data plane of Kontainers.

        usage: kontainers-edge --snapshot FILE [--workers N] [--link PATH] [--data DIR] [--user NAME]

          --snapshot FILE   serve what this snapshot (JSON) says
          --workers N       worker threads, 1 to 256 (default: one a core)
          --link PATH       take changes from control over this Unix socket
          --data DIR        with --supervised: keep the last good snapshot here, and start from it
          --user NAME       give up root for this user (name or number) once listeners are open (default: nobody)
          --supervised      take listeners and orders from the supervisor on descriptor 3
          --version         print the version
          --help            print this

        Signals: TERM and INT finish what is in flight and end (limit: timeouts.drain); HUP opens the access log anew.

        """

    enum Outcome {
        case run(Options)
        case print(String)
        case refuse(String)
    }

    static func parse(_ arguments: [String]) -> Outcome {
        var options = Options()
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            switch argument {
            case "--help", "-h": return .print(help)
            case "--version": return .print("kontainers-edge \(Version.text)\n")
            case "--supervised": options.isSupervised = true
            case "--snapshot", "--workers", "--link", "--data", "--user":
                guard let value = rest.popFirst() else { return .refuse("\(argument) wants a value") }
                switch argument {
                case "--snapshot": options.snapshot = value
                case "--link": options.link = value
                case "--data": options.data = value
                case "--user": options.user = value
                case _:
                    guard let count = Int(value), (1...256).contains(count) else {
                        return .refuse("--workers: found \"\(value)\", wanted a number from 1 to 256")
                    }
                    options.workers = count
                }
            case _: return .refuse("found \"\(argument)\", which is no option; see --help")
            }
        }
        if options.snapshot == nil, options.link == nil {
            return .refuse("nothing to serve: give --snapshot FILE, or --link PATH of a running control; see --help")
        }
        return .run(options)
    }
}

enum Version {
    static let text = "0.1.0"
}
