// Tables for what the command line takes apart and puts together; the commands themselves are tested
// with the real binary in Tests/EndToEnd.

import Assembly
import Config
import JSON
import Testing

@testable import Gateway

private func words(_ words: [String]) -> Result<CommandWords, UsageMistake> {
  do throws(UsageMistake) {
    return .success(try CommandWords(words, valued: ["-c", "--admin"], flagged: ["--json"]))
  } catch {
    return .failure(error)
  }
}

@Test func optionsAndOperandsAreToldApart() throws {
  let parsed = try words(["a", "-c", "x", "--admin=unix:b=c", "--json", "-", "--", "-c"]).get()
  #expect(parsed.operands == ["a", "-", "-c"])
  #expect(try parsed.one("-c") == "x")
  #expect(try parsed.one("--admin") == "unix:b=c")
  #expect(parsed.has("--json"))
  let empty = try words(["-c", ""]).get()
  #expect(try empty.one("-c") == "")
}

@Test(arguments: [
  (["-c"], "-c needs a value"), (["--jsno"], "there is no option --jsno; did you mean \"--json\"?"),
  (["--json=1"], "there is no option --json"), (["-x"], "there is no option -x"),
  (["--admim=x"], "there is no option --admim; did you mean \"--admin\"?"),
])
func wrongOptionsAreNamed(_ line: [String], _ message: String) {
  guard case .failure(let mistake) = words(line) else {
    Issue.record("\(line) was taken")
    return
  }
  #expect(mistake.message == message)
}

@Test func anOptionGivenTwiceIsAMistake() throws {
  let parsed = try words(["-c", "a", "-c", "b"]).get()
  #expect(throws: UsageMistake.self) { try parsed.one("-c") }
  #expect(parsed.all("-c") == ["a", "b"])
}

@Test(
  arguments: [
    (0, "is missing"), (1, nil), (2, nil), (3, "\"w2\" is one word too many"),
  ] as [(Int, String?)])
func operandsAreCounted(_ count: Int, _ message: String?) throws {
  let parsed = try words((0..<count).map { "w\($0)" }).get()
  do throws(UsageMistake) {
    try parsed.expectOperands(1...2, "WORD")
    #expect(message == nil)
  } catch {
    #expect(error.message.hasSuffix(message ?? "nothing"))
  }
}

@Test(
  arguments: [
    ("0", 0), ("1700000000", 1_700_000_000), ("1970-01-01", 0), ("1970-01-02", 86_400),
    ("2000-02-29", 951_782_400), ("2024-02-29", 1_709_164_800), ("2024-03-01", 1_709_251_200),
    ("2026-12-31", 1_798_675_200), ("2100-03-01", 4_107_542_400), ("9999-12-31", 253_402_214_400),
    ("2023-02-29", nil), ("2100-02-29", nil), ("1969-12-31", nil), ("2024-13-01", nil),
    ("2024-00-01", nil), ("2024-01-00", nil), ("2024-01-32", nil), ("2024-1-1", nil), ("", nil),
    ("-5", nil), ("yesterday", nil), ("99999999999999999999", nil), ("2024-01-01T00:00:00Z", nil),
  ] as [(String, Int64?)])
func timesAreSecondsOrDays(_ text: String, _ want: Int64?) {
  #expect(PointInTime.seconds(text) == want)
}

@Test(arguments: [
  ("/a/b", ["as sent /a/b"]),
  ("/a%2fb", ["as sent /a%2fb", "decoded /a/b"]),
  ("/a//b", ["as sent /a//b", "slashes merged /a/b"]),
  (
    "/public/..%2fadmin",
    ["as sent /public/..%2fadmin", "decoded /public/../admin", "decoded, dots resolved /admin"]
  ),
  ("/a/./b/..", ["as sent /a/./b/..", "dots resolved /a/"]),
  ("/a/%2E%2e/b", ["as sent /a/%2E%2e/b", "dots resolved /b", "decoded /a/../b"]),
  ("/a;x/b", ["as sent /a;x/b", "without ;… /a/b"]),
  ("/a\\b", ["as sent /a\\b", "\\ as / /a/b"]),
  ("/..", ["as sent /..", "dots resolved /"]), ("/%zz", ["as sent /%zz"]), ("/%", ["as sent /%"]),
  ("/", ["as sent /"]),
])
func readingsOfPaths(_ path: String, _ want: [String]) {
  #expect(PathReadings.all(of: path).map { "\($0.name) \($0.path)" } == want)
}

@Test func readingsSelectRoutesAsTheTableDoes() throws {
  let text = """
    listen 127.0.0.1:1 { name one; } listen 127.0.0.1:2 { name two; }
    upstream u { server u:1; }
    group / {
      upstream u; auth none;
      route / { } route /a { } route GET /a { } route POST /a/b { }
      route /a { host one.example; } route /h { host *.example; } route /h { host *.b.example; }
      route /two { listener two; }
    }
    """
  let log = DiagnosticLog()
  let source = ConfigSource.inMemory(files: ["gateway.conf": text])
  let routes = try #require(
    Configuration.load(path: "gateway.conf", source: source, log: log)?.routes, "\(log.rendered)")
  for (method, host, path, listener, want) in [
    ("GET", "x", "/", "one", 0), ("POST", "x", "/a", "one", 1), ("GET", "x", "/a", "one", 2),
    ("HEAD", "x", "/a/", "one", 2), ("GET", "x", "/ab", "one", 0), ("POST", "x", "/a/b", "one", 3),
    ("GET", "x", "/a/b", "one", 2), ("GET", "ONE.example:80", "/a", "one", 4),
    ("GET", "x.example", "/h/i", "one", 5), ("GET", "x.b.example.", "/h", "one", 6),
    ("GET", "x", "/two", "one", 0), ("GET", "x", "/two", "two", 7),
  ] {
    let got = PathReadings.route(
      path, method: method, host: host, listener: listener, among: routes)
    #expect(got == want, "\(method) \(host)\(path) at \(listener)")
  }
}

@Test func statusIsWrittenForPeople() {
  let body = Array(
    """
    {"status":"ok","uptime_seconds":5,"workers":{"count":2},"none":[],"realms":["a","b"],
    "listeners":[{"name":"x","address":"127.0.0.1:1"},{"name":"y","address":"[::1]:2"}],"on":true,
    "observed":[{"route":"/a","would_refuse":{"bad_signature":2,"key_set":{"is_far":1}}}]}
    """.utf8)
  let document = JSONDocument(depthMaximum: 8, nodeMaximum: 100)
  #expect(document.parse(body.span) == .valid)
  #expect(
    StatusText.render(document, body) == """
      status: ok
      uptime seconds: 5
      workers
        count: 2
      none: none
      realms: a, b
      listeners
        - name: x
          address: 127.0.0.1:1
        - name: y
          address: [::1]:2
      on: true
      observed
        - route: /a
          would refuse
            bad_signature: 2
            key_set
              is far: 1

      """)
}

@Test func tablesHaveEvenColumns() {
  #expect(
    TextTable.render([["A", "LONG", "C"], ["xx", "y", ""], ["größe", "z", "w"]])
      == "A      LONG  C\nxx     y\ngröße  z     w\n")
}
