// Tables for values with units, for globs, paths and the nearness of words.

import Testing

@testable import Config

/// Reads one argument through a directive; the value, or the first message.
private func read<Value>(
  _ argument: String, environment: [String: String] = [:],
  _ reader: (Argument, DiagnosticLog) -> Value?
) -> (value: Value?, message: String?, hint: String?) {
  let log = DiagnosticLog()
  let source = ConfigSource.inMemory(
    files: ["gateway.conf": "errors \(argument);"], environment: environment)
  let directives = ConfigLoader.load(path: "gateway.conf", source: source, log: log) ?? []
  guard let argument = directives.first?.arguments.first else { return (nil, "no argument", nil) }
  let value = reader(argument, log)
  return (value, log.diagnostics.first?.message, log.diagnostics.first?.hint)
}

@Test(
  arguments: [
    ("250ms", 250), ("30s", 30_000), ("15m", 900_000), ("12h", 43_200_000), ("7d", 604_800_000),
    ("5", 5_000), ("0", 0), ("0s", 0), ("3650d", 315_360_000_000), ("3651d", nil), ("", nil),
    ("s", nil), ("-1s", nil), ("1.5s", nil), ("1 s", nil), ("1S", nil), ("1min", nil), ("1w", nil),
    ("99999999999999999999s", nil), ("9223372036854775807d", nil), ("9223372036854775807", nil),
  ] as [(String, Int?)])
func durations(_ text: String, _ want: Int?) {
  let result = read("\"\(text)\"") { $0.duration($1) }
  #expect(result.value == want)
  #expect((result.message == nil) == (want != nil))
}

@Test(
  arguments: [
    ("1970-01-01", 86_400), ("1970-12-31", 31_536_000), ("2000-02-29", 951_868_800),
    ("2026-11-30", 1_796_083_200), ("2026-12-31", 1_798_761_600), ("2100-02-28", 4_107_542_400),
    ("2400-02-29", 13_574_649_600), ("9999-12-31", 253_402_300_800), ("2026-02-29", nil),
    ("2100-02-29", nil), ("2026-13-01", nil), ("2026-00-10", nil), ("2026-11-31", nil),
    ("2026-11-00", nil), ("1969-12-31", nil), ("26-11-30", nil), ("2026-1-30", nil),
    ("2026-11-3", nil), ("20261130", nil), ("2026-11-30T00:00", nil), ("30.11.2026", nil),
    ("2026/11/30", nil), ("", nil), ("tomorrow", nil), ("-026-11-30", nil),
  ] as [(String, Int64?)])
func ends(ofDay text: String, _ want: Int64?) {
  let result = read("\"\(text)\"") { $0.endOfDay($1) }
  #expect(result.value == want)
  #expect((result.message == nil) == (want != nil))
}

@Test(
  arguments: [
    ("512", 512), ("16k", 16_384), ("1m", 1 << 20), ("2g", 2 << 30), ("1024g", 1 << 40),
    ("1025g", nil), ("1K", nil), ("k", nil), ("-1", nil), ("9223372036854775807g", nil),
  ] as [(String, Int?)])
func sizes(_ text: String, _ want: Int?) {
  #expect(read(text) { $0.size($1) }.value == want)
}

@Test(
  arguments: [
    ("10/s", Rate(count: 10, periodMilliseconds: 1000)),
    ("5/min", Rate(count: 5, periodMilliseconds: 60_000)),
    ("100/h", Rate(count: 100, periodMilliseconds: 3_600_000)),
    ("1000000/d", Rate(count: 1_000_000, periodMilliseconds: 86_400_000)),
    ("1000001/d", nil), ("0/s", nil), ("10", nil), ("10/", nil), ("/s", nil), ("10/m", nil),
    ("10/s/s", nil), ("-1/s", nil), ("1e3/s", nil),
  ] as [(String, Rate?)])
func rates(_ text: String, _ want: Rate?) {
  #expect(read(text) { $0.rate($1) }.value == want)
}

@Test(
  arguments: [
    ("127.0.0.1:8080", .host("127.0.0.1", port: 8080)),
    ("localhost:1", .host("localhost", port: 1)),
    ("[::1]:65535", .host("::1", port: 65535)), ("unix:run/a.sock", .unix(path: "run/a.sock")),
    ("unix:/run/a.sock", .unix(path: "/run/a.sock")),
    ("my_host-1.local:80", .host("my_host-1.local", port: 80)),
    ("127.0.0.1:0", nil), (":80", nil), ("*:80", nil), ("127.0.0.1", nil), ("8080", nil),
    ("127.0.0.1:65536", nil), ("127.0.0.1:x", nil), ("127.0.0.1:", nil), ("[::1]", nil),
    ("[::1", nil), ("::1:80", nil), ("[]:80", nil), ("[x]:80", nil), ("unix:", nil),
    ("http://127.0.0.1:80", nil), ("a/b:80", nil),
  ] as [(String, ConfigAddress?)])
func upstreamAddresses(_ text: String, _ want: ConfigAddress?) {
  #expect(read(text) { $0.address($1, forListening: false) }.value == want)
}

@Test(
  arguments: [
    (":80", nil), ("*:80", nil), ("0.0.0.0:80", .host("0.0.0.0", port: 80)),
    ("127.0.0.1:0", .host("127.0.0.1", port: 0)), ("::", nil), ("80", nil),
  ] as [(String, ConfigAddress?)])
func listenerAddresses(_ text: String, _ want: ConfigAddress?) {
  #expect(read(text) { $0.address($1, forListening: true) }.value == want)
}

@Test(arguments: [(107, true), (108, false)])
func socketPathsAreBounded(_ count: Int, _ isAccepted: Bool) {
  let path = "unix:" + String(repeating: "p", count: count)
  #expect((read(path) { $0.address($1, forListening: true) }.value != nil) == isAccepted)
}

@Test func flagsAndWordsSuggest() {
  #expect(read("on") { $0.flag($1) }.value == true)
  #expect(read("off") { $0.flag($1) }.value == false)
  let result = read("gunicron") { $0.word($1, [("gunicorn", 1), ("node", 2)]) }
  #expect(result.message == "\"gunicron\" is not one of gunicorn, node")
  #expect(result.hint == "did you mean \"gunicorn\"?")
}

@Test func valuesOfVariablesAreNotTold() {
  let result = read("${A}x", environment: ["A": "hush"]) { $0.word($1, [("hushy", 1)]) }
  #expect(result.message == "\"${A}x\" is not one of hushy")
  #expect(result.hint == "its value comes from the variable A")
}

@Test func numbersHaveBounds() {
  #expect(read("1") { $0.number($1, in: 1...4) }.value == 1)
  #expect(read("4") { $0.number($1, in: 1...4) }.value == 4)
  #expect(read("5") { $0.number($1, in: 1...4) }.message == "\"5\" is out of range")
  #expect(read("0") { $0.number($1, in: 1...4) }.hint == "from 1 to 4")
  #expect(read("x") { $0.number($1, in: 1...4) }.message == "\"x\" is not a number")
}

@Test(arguments: [
  (0, "0ms"), (999, "999ms"), (1500, "1500ms"), (60_000, "1m"), (90_000, "90s"),
  (86_400_000, "1d"),
])
func durationsAreWrittenInTheirLargestUnit(_ value: Int, _ want: String) {
  #expect(ConfigValue.text(milliseconds: value) == want)
}

@Test(arguments: [
  ("*.conf", "a.conf", true), ("*.conf", ".conf", false), (".*", ".conf", true),
  ("*.conf", "a.conf.bak", false), ("a?.conf", "ab.conf", true), ("a?.conf", "a.conf", false),
  ("*a*b*", "xxaxxbxx", true), ("*a*b*", "xxbxxaxx", false), ("", "", true), ("*", "", true),
  ("a", "b", false), ("**", "x", true), ("*aab", "aaaab", true),
])
func globs(_ pattern: String, _ name: String, _ want: Bool) {
  #expect(ConfigPath.matches(name, pattern: pattern) == want)
}

@Test(arguments: [
  ("a.conf", "gateway.conf", "a.conf"), ("a.conf", "etc/gateway.conf", "etc/a.conf"),
  ("/a.conf", "etc/gateway.conf", "/a.conf"), ("./a//b.conf", "/gateway.conf", "/a/b.conf"),
  ("../a.conf", "etc/gateway.conf", "etc/../a.conf"),
])
func relativePaths(_ path: String, _ file: String, _ want: String) {
  #expect(ConfigPath.resolve(path, relativeTo: file) == want)
}

@Test(
  arguments: [
    ("lifetim", "lifetime"), ("upsteam", "upstream"), ("lmiit", "limit"), ("serverr", "server"),
    ("xyz", nil), ("limit", nil), ("", nil),
  ] as [(String, String?)])
func nearWords(_ word: String, _ want: String?) {
  #expect(Spelling.nearest(to: word, among: ["lifetime", "upstream", "limit", "server"]) == want)
}
