import Bytes
import JSON
import Testing

@Suite struct JSONGrammarTests {
  struct Refusal: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var text: [UInt8]
    var fault: JSONFault

    init(_ name: String, _ text: String, _ fault: JSONFault) {
      self.init(name, Array(text.utf8), fault)
    }
    init(_ name: String, _ text: [UInt8], _ fault: JSONFault) {
      testDescription = name
      self.text = text
      self.fault = fault
    }
  }

  static let refusals = [
    Refusal("nothing", "", .unexpectedEnd),
    Refusal("white space only", " \n\t\r", .unexpectedEnd),
    Refusal("form feed is no white space", "\u{0C}1", .unexpectedByte),
    Refusal("byte order mark", "\u{FEFF}{}", .unexpectedByte),
    Refusal("two values", "1 2", .trailingBytes),
    Refusal("two objects", "{}{}", .trailingBytes),
    Refusal("NUL behind the value", "{}\0", .trailingBytes),
    Refusal("comma first", "[,1]", .unexpectedByte),
    Refusal("comma last", "[1,]", .unexpectedByte),
    Refusal("double comma", "[1,,2]", .unexpectedByte),
    Refusal("no comma", "[1 2]", .unexpectedByte),
    Refusal("wrong bracket", "[1}", .unexpectedByte),
    Refusal("wrong brace", "{\"a\":1]", .unexpectedByte),
    Refusal("closing bracket first", "]", .unexpectedByte),
    Refusal("object comma last", "{\"a\":1,}", .unexpectedByte),
    Refusal("object comma first", "{,\"a\":1}", .unexpectedByte),
    Refusal("no colon", "{\"a\" 1}", .unexpectedByte),
    Refusal("no value", "{\"a\":}", .unexpectedByte),
    Refusal("two colons", "{\"a\"::1}", .unexpectedByte),
    Refusal("bare name", "{a:1}", .unexpectedByte),
    Refusal("name is a number", "{1:1}", .unexpectedByte),
    Refusal("single quotes", "{'a':1}", .unexpectedByte),
    Refusal("line comment", "// x\n1", .unexpectedByte),
    Refusal("block comment", "[1/* */]", .unexpectedByte),
    Refusal("True", "True", .unexpectedByte),
    Refusal("nul", "nul!", .unexpectedByte),
    Refusal("true behind true", "truetrue", .trailingBytes),
    Refusal("NaN", "NaN", .unexpectedByte),
    Refusal("Infinity", "Infinity", .unexpectedByte),
    Refusal("minus Infinity", "-Infinity", .badNumber),
    Refusal("undefined", "undefined", .unexpectedByte),
    Refusal("plus sign", "+1", .unexpectedByte),
    Refusal("bare minus", "[-]", .badNumber),
    Refusal("two minus", "[--1]", .badNumber),
    Refusal("leading zero", "01", .badNumber),
    Refusal("negative leading zero", "-01", .badNumber),
    Refusal("bare point", "[.5]", .unexpectedByte),
    Refusal("point last", "[1.]", .badNumber),
    Refusal("exponent without digits", "[1e]", .badNumber),
    Refusal("exponent sign without digits", "[1e+]", .badNumber),
    Refusal("two points", "1.2.3", .trailingBytes),
    Refusal("hexadecimal number", "0x10", .trailingBytes),
    Refusal("digit separator", "1_000", .trailingBytes),
    Refusal("number runs into a name", "[1a]", .unexpectedByte),
    Refusal("raw line feed in a string", "\"a\nb\"", .controlByte),
    Refusal("raw tab in a string", "\"a\tb\"", .controlByte),
    Refusal("raw NUL in a string", "\"a\0b\"", .controlByte),
    Refusal("unknown escape", "\"\\x41\"", .badEscape),
    Refusal("escaped quote mark '", "\"\\'\"", .badEscape),
    Refusal("escape of upper case", "\"\\N\"", .badEscape),
    Refusal("unicode escape with a letter", "\"\\u00g0\"", .badEscape),
    Refusal("unicode escape with a sign", "\"\\u+123\"", .badEscape),
    Refusal("unicode escape too short", "\"\\u123\"", .badEscape),
    Refusal("lone high surrogate", "\"\\uD800\"", .loneSurrogate),
    Refusal("lone high surrogate before a letter", "\"\\uD800x\"", .loneSurrogate),
    Refusal("high surrogate before another escape", "\"\\uD800\\n\"", .loneSurrogate),
    Refusal("two high surrogates", "\"\\uD800\\uD800\"", .loneSurrogate),
    Refusal("lone low surrogate", "\"\\uDC00\"", .loneSurrogate),
    Refusal("high surrogate before a broken escape", "\"\\uD800\\uZZZZ\"", .badEscape),
    Refusal("continuation byte alone", quoted([0x80]), .badUTF8),
    Refusal("byte FF", quoted([0xFF]), .badUTF8),
    Refusal("overlong slash", quoted([0xC0, 0xAF]), .badUTF8),
    Refusal("overlong C1", quoted([0xC1, 0xBF]), .badUTF8),
    Refusal("overlong three bytes", quoted([0xE0, 0x9F, 0xBF]), .badUTF8),
    Refusal("overlong four bytes", quoted([0xF0, 0x8F, 0xBF, 0xBF]), .badUTF8),
    Refusal("encoded surrogate", quoted([0xED, 0xA0, 0x80]), .badUTF8),
    Refusal("beyond U+10FFFF", quoted([0xF4, 0x90, 0x80, 0x80]), .badUTF8),
    Refusal("lead byte F5", quoted([0xF5, 0x80, 0x80, 0x80]), .badUTF8),
    Refusal("sequence cut by the quote", quoted([0xE2, 0x82]), .badUTF8),
    Refusal("sequence cut by the end", [0x22, 0xE2, 0x82], .badUTF8),
    Refusal("latin-1 letter", quoted([0xE9]), .badUTF8),
    Refusal("same name twice", "{\"a\":1,\"a\":1}", .duplicateName),
    Refusal("same name in another spelling", "{\"a\":1,\"\\u0061\":2}", .duplicateName),
    Refusal("same name, both escaped", "{\"\\/\":1,\"\\u002f\":2}", .duplicateName),
    Refusal("same name behind a subtree", "{\"a\":{\"b\":[1]},\"c\":0,\"a\":2}", .duplicateName),
    Refusal("same name in an inner object", "[{\"x\":{\"b\":1,\"b\":2}}]", .duplicateName),
    Refusal("empty name twice", "{\"\":1,\"\":2}", .duplicateName),
    Refusal("same astral name", "{\"\u{1F600}\":1,\"\\uD83D\\uDE00\":2}", .duplicateName),
  ]

  static func quoted(_ bytes: [UInt8]) -> [UInt8] { [0x22] + bytes + [0x22] }

  @Test(arguments: refusals) func refuses(_ row: Refusal) {
    let document = JSONDocument()
    let outcome = document.parse(row.text.span)
    guard case .invalid(let fault, let offset) = outcome else {
      Issue.record("accepted")
      return
    }
    #expect(fault == row.fault)
    #expect(offset <= row.text.count)
    #expect(document.count == 0)
  }

  static let acceptances: [(name: String, text: String)] = [
    ("empty object", "{}"), ("empty array", "[]"), ("empty string", "\"\""),
    ("white space everywhere", " \r\n\t{ \"a\" : [ 1 , 2 ] , \"b\" : { } } \n"),
    ("zero", "0"), ("minus zero", "-0"), ("all of a number", "-12.50e+10"), ("capital E", "1E5"),
    ("words", "[true,false,null]"), ("every escape", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\""),
    ("surrogate pair", "\"\\uD83D\\uDE00\""), ("DEL and U+2028", "\"\u{7F}\u{2028}\""),
    ("last scalar of each length", "\"\u{7F}\u{7FF}\u{FFFF}\u{10FFFF}\""),
    ("names that differ in case", "{\"a\":1,\"A\":2}"),
    ("names that differ in normal form", "{\"\u{E9}\":1,\"e\u{301}\":2}"),
    ("same name in two objects", "{\"a\":{\"a\":1},\"b\":{\"a\":1}}"),
    ("a name equal to a value", "{\"a\":\"b\",\"b\":\"a\"}"),
  ]

  @Test(arguments: acceptances) func accepts(_ name: String, _ text: String) {
    let text = Array(text.utf8)
    let outcome = JSONDocument().parse(text.span)
    #expect(outcome == .valid, "\(name)")
  }

  static let documents = [
    "{\"alg\":\"HS256\",\"typ\":\"JWT\"}",
    "{\"sub\":42,\"n\":-1.5e+3,\"a\":[true,false,null,\"\\uD83D\\uDE00\\n\"],\"o\":{\"x\":{}}}",
    "[\"\u{E9}\u{20AC}\u{1F600}\",[[[]]],{\"\\u0061\":\"b\"}]",
  ]

  @Test(arguments: documents) func everyProperPrefixIsRefused(_ text: String) {
    let text = Array(text.utf8)
    let document = JSONDocument()
    for count in 0..<text.count {
      let outcome = document.parse(text.span.slice(from: 0, to: count))
      guard case .invalid(let fault, let offset) = outcome else {
        Issue.record("accepted the first \(count) bytes")
        continue
      }
      // A cut inside a multi-byte letter is not UTF-8; every other cut is a text that ends early.
      #expect(fault == .unexpectedEnd || fault == .badUTF8, "first \(count) bytes")
      #expect(offset <= count)
    }
    let whole = document.parse(text.span)
    #expect(whole == .valid)
  }

  @Test(arguments: documents) func everyChangedByteIsAnsweredWithoutATrap(_ text: String) {
    let text = Array(text.utf8)
    let document = JSONDocument()
    var validCount = 0
    for index in 0..<text.count {
      for byte in UInt8.min...UInt8.max {
        var damaged = text
        damaged[index] = byte
        if document.parse(damaged.span) == .valid { validCount += 1 }
      }
    }
    // Some changes leave valid JSON (another letter in a string), most don't.
    #expect(validCount > text.count && validCount < text.count * 200)
  }

  @Test func capsDepthAtTheLimit() {
    func nested(_ depth: Int, _ open: String, _ close: String) -> [UInt8] {
      Array((String(repeating: open, count: depth) + String(repeating: close, count: depth)).utf8)
    }
    let document = JSONDocument(depthMaximum: 8)
    #expect(parse(document, nested(8, "[", "]")) == .valid)
    #expect(parse(document, nested(9, "[", "]")) == .invalid(.tooDeep, offset: 8))
    let objects = String(repeating: "{\"a\":", count: 9) + "1" + String(repeating: "}", count: 9)
    #expect(parse(document, Array(objects.utf8)) == .invalid(.tooDeep, offset: 40))
    // A million brackets are refused at the cap, not at the bottom of a stack.
    let bomb = [UInt8](repeating: UInt8(ascii: "["), count: 1_000_000)
    #expect(parse(JSONDocument(), bomb) == .invalid(.tooDeep, offset: 32))
  }

  @Test func capsNodesAtTheLimit() {
    let document = JSONDocument(nodeMaximum: 4)
    #expect(parse(document, "[1,2,3]") == .valid)
    #expect(parse(document, "[1,2,3,4]") == .invalid(.tooManyNodes, offset: 8))
    // A member is two rows: its name and its value.
    #expect(parse(document, "{\"a\":1}") == .valid)
    #expect(parse(document, "{\"a\":1,\"b\":2}") == .invalid(.tooManyNodes, offset: 12))
    #expect(parse(document, "{\"a\":[],\"b\":2}") == .invalid(.tooManyNodes, offset: 13))
  }

  @Test func findsADuplicateAmongManyNames() {
    let names = (0..<200).map { "\"name\($0)\":\($0)" }
    let document = JSONDocument()
    #expect(parse(document, "{" + names.joined(separator: ",") + "}") == .valid)
    let outcome = parse(document, "{" + (names + ["\"name77\":0"]).joined(separator: ",") + "}")
    guard case .invalid(.duplicateName, _) = outcome else {
      Issue.record("\(outcome)")
      return
    }
  }

  @Test func tellsNamesOfLargeObjectsApartByObject() {
    // Objects beyond the linear limit go through a table that all objects of a text share.
    let members = (0..<40).map { "\"name\($0)\":\($0)" }.joined(separator: ",")
    let document = JSONDocument()
    #expect(parse(document, "[{\(members)},{\(members)}]") == .valid)
    #expect(
      parse(document, "{\(members),\"inner\":{\(members),\"inner\":{}},\"last\":1}") == .valid)
    #expect(parse(document, "{\"inner\":{\(members)},\(members)}") == .valid)
    for text in [
      "{\(members),\"inner\":{\(members)},\"name3\":1}",
      "{\"inner\":{\(members)},\(members),\"inner\":1}",
      "{\(members),\"inner\":{\(members),\"\\u006eame39\":1}}",
    ] {
      guard case .invalid(.duplicateName, _) = parse(document, text) else {
        Issue.record("\(text)")
        return
      }
    }
  }

  @Test func objectsOfOneTextMayHaveTheSameNames() {
    // Enough names in one table that some walks pass the same name of another object.
    let object = "{" + (0..<20).map { "\"n\($0)\":0" }.joined(separator: ",") + "}"
    let text = "[" + Array(repeating: object, count: 20).joined(separator: ",") + "]"
    let document = JSONDocument(nodeMaximum: 1024)
    for _ in 0..<3 { #expect(parse(document, text) == .valid) }
  }

  @Test func findsADuplicateAtEveryDistance() {
    let document = JSONDocument()
    for count in 1...40 {
      let names = (0..<count).map { "\"sameprefix\($0)\":0" }.joined(separator: ",")
      #expect(parse(document, "{\(names)}") == .valid)
      for repeated in 0..<count {
        guard
          case .invalid(.duplicateName, _) = parse(
            document, "{\(names),\"sameprefix\(repeated)\":0}")
        else {
          Issue.record("\(repeated) of \(count)")
          return
        }
      }
    }
  }

  private func parse(_ document: JSONDocument, _ text: String) -> JSONOutcome {
    parse(document, Array(text.utf8))
  }

  private func parse(_ document: JSONDocument, _ text: [UInt8]) -> JSONOutcome {
    document.parse(text.span)
  }
}
