// How many instructions a head costs: run under `perf stat -e instructions:u` with two counts, and take the difference.
//
//     measure request|response|chunked COUNT

import HTTP
import HTTP1

@main
enum Measure {
    static let request = """
        GET /assets/app/main.css?version=20260817 HTTP/1.1\r
        Host: www.example.com\r
        User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r
        Accept: text/css,*/*;q=0.1\r
        Accept-Language: en-US,en;q=0.5\r
        Accept-Encoding: gzip, deflate, br\r
        Referer: https://www.example.com/\r
        X-Client-Revision: 7f31c09a\r
        Connection: keep-alive\r
        \r

        """

    static let response = """
        HTTP/1.1 200 OK\r
        Date: Sun, 06 Nov 1994 08:49:37 GMT\r
        Server: Apache/2.4.62 (Debian)\r
        Content-Type: text/html; charset=utf-8\r
        Content-Length: 128\r
        Cache-Control: max-age=3600, public\r
        ETag: "5e8a-62b1c9a7"\r
        Connection: keep-alive\r
        \r

        """

    static func main() {
        guard CommandLine.arguments.count == 3, let rounds = Int(CommandLine.arguments[2]) else {
            print("usage: measure request|response|chunked COUNT")
            return
        }
        var sum = 0
        switch CommandLine.arguments[1] {
        case "request":
            let bytes = Array(request.utf8)
            var head = RequestHead()
            for _ in 0..<rounds {
                if case .complete = parseRequestHead(bytes.span, resumingAt: 0, limits: HeadLimits(), into: &head) {
                    sum &+= head.byteCount &+ head.fieldCount
                }
            }
        case "response":
            let bytes = Array(response.utf8)
            var head = ResponseHead()
            for _ in 0..<rounds {
                if case .complete = parseResponseHead(
                    bytes.span, resumingAt: 0, limits: HeadLimits(), to: .get, into: &head)
                {
                    sum &+= head.byteCount &+ head.fieldCount
                }
            }
        default:
            let bytes = Array("80\r\n".utf8) + [UInt8](repeating: 0x61, count: 128) + Array("\r\n0\r\n\r\n".utf8)
            for _ in 0..<rounds {
                var decoder = BodyDecoder(.chunked)
                var at = 0
                while !decoder.isFinished {
                    switch decoder.next(bytes.span.extracting(droppingFirst: at)) {
                    case .data(_, let count, let consumed):
                        sum &+= count
                        at &+= consumed
                    case .needMore(let consumed), .end(let consumed): at &+= consumed
                    case .refused: return
                    }
                }
            }
        }
        print(rounds, sum)
    }
}
