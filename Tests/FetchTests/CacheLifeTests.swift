// What answers say of their freshness.

import Fetch
import Testing

struct CacheLifeTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let lines: [(String, String)]
    /// Seconds.
    let want: Int64?
    init(_ want: Int64?, _ lines: (String, String)...) {
      self.lines = lines
      self.want = want
    }
    var testDescription: String { lines.map { "\($0): \($1)" }.joined(separator: "; ") }
  }

  private static func control(_ value: String, _ want: Int64?) -> Case {
    Case(want, ("Cache-Control", value))
  }

  static let cases: [Case] = [
    Case(nil),
    control("", nil),
    control("public", nil),
    control("max-age=600", 600),
    control("Max-Age=600", 600),
    control("public, max-age=86400, stale-while-revalidate=60", 86_400),
    control(",, max-age=5 ,, private", 5),
    control("max-age=0", 0),
    control("max-age=\"60\"", 60),
    control("max-age=\"6\\0\"", 60),
    control("max-age=2147483648", 1 << 31),
    control("max-age=99999999999999999999999999999999", 1 << 31),
    control("s-maxage=9", nil),
    control("extension=\"a, max-age=1, b\", max-age=7", 7),
    // The strictest wins.
    control("no-store", 0),
    control("max-age=600, no-cache", 0),
    control("NO-CACHE=\"Set-Cookie\", max-age=600", 0),
    // Of several the first.
    control("max-age=1, max-age=2", 1),
    Case(3, ("cache-control", "max-age=3"), ("Cache-Control", "max-age=4")),
    Case(0, ("Cache-Control", "max-age=3"), ("Cache-Control", "no-store")),
    // What can't be read is stale.
    control("max-age", 0),
    control("max-age=", 0),
    control("max-age=-1", 0),
    control("max-age=1.5", 0),
    control("max-age=1 2", 0),
    control("max-age =1", 0),
    control("max-age=1;private", 0),
    control("max-age=\"1", 0),
    control("max-age=\"1\\", 0),
    control("=1", 0),
    control("max-age=9, \u{e9}", 0),
    // Time spent on the way.
    Case(90, ("Cache-Control", "max-age=100"), ("Age", "10")),
    Case(0, ("Cache-Control", "max-age=100"), ("age", "100")),
    Case(0, ("Cache-Control", "max-age=100"), ("Age", "99999999999999999999")),
    Case(100, ("Cache-Control", "max-age=100"), ("Age", "soon")),
    Case(100, ("Cache-Control", "max-age=100"), ("Age", "-5")),
    Case(90, ("Cache-Control", "max-age=100"), ("Age", "10, 50"), ("Age", "70")),
    Case(nil, ("Age", "10")),
  ]

  @Test(arguments: cases) func reads(_ row: Case) {
    let headers = row.lines.map { FetchHeader($0.0, $0.1) }
    #expect(CacheLife.milliseconds(headers) == row.want.map { $0 * 1000 })
  }

  /// Whatever a peer writes, it is read to its end.
  @Test func readsEveryPieceOfALine() {
    let line = "no-x=\"a\\\"b\", max-age=600 , must-revalidate,\tq=\"\""
    for start in line.indices {
      for end in line.indices where end >= start {
        _ = CacheLife.milliseconds([FetchHeader("cache-control", String(line[start..<end]))])
      }
    }
  }
}
