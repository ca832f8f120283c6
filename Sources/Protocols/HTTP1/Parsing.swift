public import HTTP
public func parseRequestHead(
    _ bytes: Span<UInt8>, resumingAt scanned: Int, limits: HeadLimits, into head: inout RequestHead
) -> HeadProgress { .refused(.badMethod) }
public func parseResponseHead(
    _ bytes: Span<UInt8>, resumingAt scanned: Int, limits: HeadLimits, to method: Method,
    into head: inout ResponseHead
) -> HeadProgress { .refused(.badStatus) }
