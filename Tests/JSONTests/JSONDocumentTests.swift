import Bytes
import JSON
import Testing

@Suite struct JSONDocumentTests {
  /// A document with the text it was parsed from, in types that `#expect` can take.
  struct Parsed {
    let text: [UInt8]
    let document = JSONDocument()

    init(_ text: String) {
      self.text = Array(text.utf8)
      #expect(document.parse(self.text.span) == .valid)
    }

    func member(_ name: String, of node: Int = 0) -> Int? {
      document.member(Array(name.utf8).span, of: node, in: text.span)
    }
    func literalMember(_ name: StaticString) -> Int? {
      document.member(name, of: 0, in: text.span)
    }
    func path(_ names: String...) -> Int? {
      document.member(path: names.map { Array($0.utf8) }, of: 0, in: text.span)
    }
    func text(_ node: Int?) -> String? { node.flatMap { document.text($0, in: text.span) } }
    func integer(_ node: Int) -> Int64? { document.integer(node, in: text.span) }
    func seconds(_ node: Int) -> Int64? { document.seconds(node, in: text.span) }
  }

  @Test func walksMembersAndElements() {
    let parsed = Parsed("{\"a\":[1,[2,3],\"x\"],\"b\":{\"c\":null}}")
    let document = parsed.document
    #expect(document.count == 12)
    #expect(document.kind(0) == .object && document.next(0) == 12)
    #expect(document.kind(1) == .string && parsed.text(1) == "a" && document.next(1) == 2)
    #expect(document.kind(2) == .array && document.next(2) == 8)
    #expect(document.kind(4) == .array && document.next(4) == 7 && document.depth(4) == 2)
    #expect(document.range(4) == ByteRange(8, 13))
    #expect(parsed.text(7) == "x")
    #expect(document.kind(11) == .null)
    // Indices that aren't there answer as if empty.
    #expect(document.kind(12) == .null && document.next(99) == 12 && document.range(-1).isEmpty)
  }

  @Test func findsMembersByNameAndPath() {
    let parsed = Parsed("{\"a.b\":1,\"a\":{\"b\":{\"c\":\"deep\"}},\"\\u0073ub\":\"x\",\"\":2}")
    #expect(parsed.text(parsed.path("a", "b", "c")) == "deep")
    #expect(parsed.path("a", "c") == nil)
    #expect(parsed.path("a.b", "c") == nil)
    #expect(parsed.path() == 0)
    #expect(parsed.member("a.b").flatMap { parsed.integer($0) } == 1)
    #expect(parsed.text(parsed.member("sub")) == "x")
    #expect(parsed.text(parsed.literalMember("sub")) == "x")
    #expect(parsed.literalMember("su") == nil && parsed.literalMember("subx") == nil)
    #expect(parsed.member("").flatMap { parsed.integer($0) } == 2)
    #expect(parsed.member("c") == nil)
    // A name inside a value is no member, and a member of a scalar is none.
    #expect(Parsed("[\"a\",1]").member("a") == nil)
    #expect(Parsed("\"a\"").member("a") == nil)
  }

  static let strings: [(text: String, value: String)] = [
    ("plain", "plain"), ("", ""), ("\\\"\\\\\\/", "\"\\/"),
    ("\\b\\f\\n\\r\\t", "\u{08}\u{0C}\n\r\t"), ("\\u0041\\u00e9\\u20AC", "A\u{E9}\u{20AC}"),
    ("x\\uD83D\\uDE00y", "x\u{1F600}y"), ("\u{1F600}", "\u{1F600}"),
    ("\\uDBFF\\uDFFF", "\u{10FFFF}"), ("a\\u0000b", "a\0b"), ("\\\\u0041", "\\u0041"),
  ]

  @Test(arguments: strings) func unescapes(_ text: String, _ value: String) {
    let parsed = Parsed("[\"\(text)\"]")
    #expect(parsed.text(1) == value)
    let isEqual = parsed.document.string(1, in: parsed.text.span, equals: Array(value.utf8).span)
    #expect(isEqual)
    let longer = Array(value.utf8) + [0x21]
    let isLonger = parsed.document.string(1, in: parsed.text.span, equals: longer.span)
    #expect(!isLonger)
    #expect(parsed.document.containsNUL == value.contains("\0"))
  }

  static let numbers: [(text: String, integer: Int64?, seconds: Int64?)] = [
    ("0", 0, 0), ("-0", 0, 0), ("42", 42, 42), ("-42", -42, -42),
    ("1700000000", 1_700_000_000, 1_700_000_000),
    ("9007199254740992", 9_007_199_254_740_992, 9_007_199_254_740_992),
    ("9007199254740993", 9_007_199_254_740_993, nil),
    ("-9007199254740992", -9_007_199_254_740_992, -9_007_199_254_740_992),
    ("-9007199254740993", -9_007_199_254_740_993, nil),
    ("9223372036854775807", .max, nil), ("9223372036854775808", nil, nil),
    ("-9223372036854775808", .min, nil), ("-9223372036854775809", nil, nil),
    ("123456789012345678901234567890", nil, nil),
    ("1.0", nil, 1), ("1.999999999999999999999", nil, 1), ("-1.9", nil, -1), ("0.9", nil, 0),
    ("1700000000.75", nil, 1_700_000_000), ("1.7e9", nil, 1_700_000_000),
    ("17E+8", nil, 1_700_000_000), ("1700000000000e-3", nil, 1_700_000_000),
    ("123e-2", nil, 1), ("123e-3", nil, 0), ("1e15", nil, 1_000_000_000_000_000),
    ("1e16", nil, nil),
    ("9007199254740992.5", nil, 9_007_199_254_740_992), ("9007199254740993.5", nil, nil),
    ("1e400", nil, nil), ("-1e400", nil, nil), ("1e-400", nil, 0), ("0e999999999999", nil, 0),
    ("0.000e999999999999", nil, 0), ("1e999999999999999999999", nil, nil),
    ("1e-999999999999999999999", nil, 0), ("0.00000000000000000001e20", nil, 1),
    ("00".replacing("00", with: "0") + "." + String(repeating: "0", count: 300) + "1e301", nil, 1),
  ]

  @Test(arguments: numbers) func readsNumbersExactly(
    _ text: String, _ integer: Int64?, _ seconds: Int64?
  ) {
    let parsed = Parsed("[\(text)]")
    #expect(parsed.integer(1) == integer)
    #expect(parsed.seconds(1) == seconds)
    #expect(parsed.document.isInteger(1) == !text.contains { ".eE".contains($0) })
  }

  @Test func readsOnlyNumbersAsNumbers() {
    let parsed = Parsed("[\"1\",true,null,[1],{\"a\":1}]")
    for node in 1..<parsed.document.count where ![5, 8].contains(node) {
      #expect(parsed.integer(node) == nil && parsed.seconds(node) == nil, "node \(node)")
    }
  }

  @Test func forgetsTheLastTextWhenTheNextIsBroken() {
    let document = JSONDocument()
    let good = Array("{\"a\":\"\\u0000\"}".utf8)
    #expect(document.parse(good.span) == .valid)
    #expect(document.count == 3 && document.containsNUL)
    let bad = Array("{\"a\":".utf8)
    #expect(document.parse(bad.span) == .invalid(.unexpectedEnd, offset: 5))
    #expect(document.count == 0 && !document.containsNUL)
    let again = Array("[]".utf8)
    #expect(document.parse(again.span) == .valid)
    #expect(document.count == 1)
  }

  @Test func survivesAnotherTextThanTheOneParsed() {
    // A caller's mistake must not become an out-of-range read.
    let parsed = Parsed("{\"abc\\u0041\\uD83D\\uDE00\":[123456,\"xyz\\n\"]}")
    let short = Array("{\"a\\".utf8)
    for node in 0..<parsed.document.count {
      _ = parsed.document.text(node, in: short.span)
      _ = parsed.document.seconds(node, in: short.span)
      _ = parsed.document.integer(node, in: short.span)
      _ = parsed.document.member("abc", of: node, in: short.span)
    }
  }
}
