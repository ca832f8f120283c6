/// Files that may say `unsafe`, `@unchecked` or `nonisolated(unsafe)`, each with the reason, and files that hold state
/// machines. A file that no longer needs its line loses it: the test fails on stale lines too.
enum Hazards {
    static let files: [String: String] = [
        // Memory that is managed by hand so that the path of a request neither counts references nor zeroes.
        "Sources/Platform/Bytes/Array+Span.swift": "copies a span into an array in one go",
        "Sources/Platform/Bytes/Buffer.swift": "a buffer is a handle on pooled memory",
        "Sources/Platform/Bytes/Buffer+Append.swift": "writes into the buffer's room, which is checked first",
        "Sources/Platform/Bytes/BufferChain.swift": "links buffers where vacant ones are linked",
        "Sources/Platform/Bytes/BufferPool.swift": "owns the memory of buffers",
        "Sources/Platform/Telemetry/TallyRows.swift": "atomics in reserved memory, written by one thread, read by any",
        "Sources/DataPlane/Engine/Slab.swift": "slots at stable addresses, told apart by generations",
        "Sources/DataPlane/Routing/ArenaBlock.swift": "one block of memory for a whole table",
        "Sources/DataPlane/Routing/ByteRun.swift": "bytes inside that block",
        "Sources/DataPlane/Routing/RateTable.swift": "atomics in one block of memory, shared between threads",
        "Sources/DataPlane/Routing/RouteTable.swift": "owns the block; immutable, so shared between threads",
        "Sources/DataPlane/Routing/RouteTransport.swift": "reads the block, too",
        "Sources/DataPlane/Routing/RouteView.swift": "reads the block",
        "Sources/Protocols/HTTP/FieldLine.swift": "a fixed scratch of field lines, reused for each head",
        "Sources/Protocols/HTTP/Span+Words.swift": "loads eight and more bytes of a span at once, within its bounds",

        // The system's calls.
        "Sources/Platform/Kernel/Datagrams.swift": "receives into and sends from slots of reserved memory",
        "Sources/Platform/Kernel/FileWatch.swift": "inotify writes events into memory of ours",
        "Sources/Platform/Kernel/Identity.swift": "users and groups by name",
        "Sources/Platform/Kernel/NameLookup.swift": "getaddrinfo answers with a C list",
        "Sources/Platform/Kernel/NativeThread.swift": "a thread's entry is a C function with a pointer",
        "Sources/Platform/Kernel/Packets.swift": "messages with descriptors beside them",
        "Sources/Platform/Compression/Deflater.swift": "a handle on a zlib stream",
        "Sources/Platform/Passwords/PasswordHash.swift": "password and hash as C strings",
        "Sources/Platform/Kernel/Poller.swift": "epoll writes events into memory of ours",
        "Sources/Platform/Kernel/ProcessHoldings.swift": "files and folders that a process owns",
        "Sources/Platform/Kernel/ProcessSpawn.swift": "arguments of a program as C strings",
        "Sources/Platform/Kernel/ProcessWait.swift": "the kernel writes how a child ended",
        "Sources/Platform/Kernel/Reserve.swift": "address space taken once",
        "Sources/Platform/Kernel/Signals.swift": "signal masks and signalfd",
        "Sources/kontainers/Commands/Output.swift": "getpass(3), which asks a terminal without echo",
        "Sources/Platform/Kernel/Socket.swift": "receives into and sends from memory of ours",
        "Sources/Platform/Kernel/System.swift": "C strings from the system",
        "Sources/Platform/Kernel/SystemError.swift": "the words for an error are a C string",

        // The wall around OpenSSL.
        "Sources/Protocols/TLS/Callbacks.swift": "OpenSSL calls back with the pointer it was given",
        "Sources/Protocols/TLS/Sealing.swift": "AES-256-GCM over arrays",
        "Sources/Protocols/TLS/ServedCertificate.swift": "owns an SSL_CTX",
        "Sources/Protocols/TLS/TLSClientContext.swift": "owns an SSL_CTX",
        "Sources/Protocols/TLS/TLSPolicy.swift": "sets an SSL_CTX up",
        "Sources/Protocols/TLS/TLSSession.swift": "a handle on an SSL",
        "Sources/Protocols/TLS/TLSSession+Negotiated.swift": "reads what an SSL agreed on",
        "Sources/Protocols/TLS/X509Certificate.swift": "owns an X509",

        // Between threads.
        "Sources/kontainers-edge/Wire.swift": "moves workers and the health checker to their threads",
    ]

    static let stateMachines = [
        "Sources/DataPlane/Balancing/ActiveHealth.swift",
        "Sources/DataPlane/Balancing/CircuitBreaker.swift",
        "Sources/DataPlane/Balancing/OutlierEjection.swift",
        "Sources/DataPlane/HealthChecking/CheckResponse.swift",
        "Sources/DataPlane/HealthChecking/CheckResult.swift",
        "Sources/DataPlane/HealthChecking/HealthChecker+Checking.swift",
        "Sources/DataPlane/HealthChecking/HealthChecker+Connection.swift",
        "Sources/DataPlane/Proxy/ClientConnection.swift",
        "Sources/DataPlane/Proxy/Exchange+Begin.swift",
        "Sources/DataPlane/Proxy/Exchange+Pump.swift",
        "Sources/DataPlane/Proxy/Exchange.swift",
        "Sources/DataPlane/Proxy/Relay.swift",
        "Sources/DataPlane/Proxy/CompressedRelay.swift",
        "Sources/DataPlane/Proxy/Listener.swift",
        "Sources/DataPlane/Proxy/ProxyHeaders.swift",
        "Sources/DataPlane/Proxy/UpstreamConnection.swift",
        "Sources/DataPlane/Proxy/Answers.swift",
        "Sources/Protocols/HTTP1/BodyDecoder.swift",
        "Sources/Protocols/HTTP1/ChunkReader.swift",
        "Sources/Protocols/ProxyProtocol/ProxyHeaderParser.swift",
        "Sources/Protocols/ProxyProtocol/Version2.swift",
        "Sources/Protocols/TLS/TLSSession.swift",
    ]
}
