import Bytes
import Redis
import Testing

/// Spans can't pass through the macros: arrays go in, plain values come out.
private func parse(
  _ bytes: [UInt8], upTo count: Int? = nil, from start: Int = 0, with reader: RESPReader
) -> RESPOutcome {
  reader.parse(bytes.span.slice(from: 0, to: count ?? bytes.count), from: start)
}

private func text(_ bytes: [UInt8], _ range: ByteRange) -> String {
  String(lossy: bytes.span.slice(range))
}

@Suite struct RESPReaderTests {
  struct Case: CustomTestStringConvertible, Sendable {
    let name: String
    let bytes: String
    let want: [RESPNode.Kind]
    var texts: [String] = []
    var testDescription: String { name }
  }

  static let good: [Case] = [
    Case(name: "simple string", bytes: "+OK\r\n", want: [.text], texts: ["OK"]),
    Case(name: "error", bytes: "-ERR no\r\n", want: [.error], texts: ["ERR no"]),
    Case(name: "integer", bytes: ":42\r\n", want: [.integer(42)], texts: ["42"]),
    Case(name: "negative integer", bytes: ":-7\r\n", want: [.integer(-7)], texts: ["-7"]),
    Case(name: "bulk", bytes: "$3\r\na\r\n\r\n", want: [.text], texts: ["a\r\n"]),
    Case(name: "empty bulk", bytes: "$0\r\n\r\n", want: [.text], texts: [""]),
    Case(name: "null bulk", bytes: "$-1\r\n", want: [.null], texts: [""]),
    Case(name: "null array", bytes: "*-1\r\n", want: [.null]),
    Case(name: "RESP3 null", bytes: "_\r\n", want: [.null], texts: [""]),
    Case(name: "true", bytes: "#t\r\n", want: [.boolean(true)], texts: ["t"]),
    Case(name: "double", bytes: ",1.5\r\n", want: [.number], texts: ["1.5"]),
    Case(name: "empty array", bytes: "*0\r\n", want: [.array(count: 0, isPush: false)]),
    Case(
      name: "array", bytes: "*2\r\n:1\r\n$1\r\nx\r\n",
      want: [.array(count: 2, isPush: false), .integer(1), .text]),
    Case(
      name: "nested", bytes: "*2\r\n*1\r\n:1\r\n*0\r\n",
      want: [
        .array(count: 2, isPush: false), .array(count: 1, isPush: false), .integer(1),
        .array(count: 0, isPush: false),
      ]),
    Case(
      name: "push", bytes: ">2\r\n+message\r\n+x\r\n",
      want: [.array(count: 2, isPush: true), .text, .text]),
    Case(name: "map", bytes: "%1\r\n+a\r\n:1\r\n", want: [.map(pairs: 1), .text, .integer(1)]),
  ]

  @Test(arguments: good) func readsWholeAndAtEverySplit(_ row: Case) {
    let bytes = Array(row.bytes.utf8)
    let reader = RESPReader()
    for count in 0..<bytes.count {
      #expect(
        parse(bytes, upTo: count, with: reader) == .needsMore,
        "a prefix of \(count) bytes")
    }
    #expect(parse(bytes, with: reader) == .complete(upTo: bytes.count))
    #expect((0..<reader.nodeCount).map { reader.node(at: $0).kind } == row.want)
    for (index, want) in row.texts.enumerated() {
      #expect(text(bytes, reader.node(at: index).range) == want)
    }
    // With junk before and another reply behind, only this one is read.
    let padded = Array("junk".utf8) + bytes + Array("+next\r\n".utf8)
    #expect(parse(padded, from: 4, with: reader) == .complete(upTo: 4 + bytes.count))
  }

  static let bad: [(String, RESPFault)] = [
    ("?x\r\n", .unknownType), ("OK\r\n", .unknownType), ("+a\nb\r\n", .badLineEnd),
    ("+a\rb\r\n", .badLineEnd), (":x\r\n", .badNumber), (":\r\n", .badNumber),
    (":99999999999999999999\r\n", .badNumber), ("$x\r\n", .badNumber), ("$-2\r\n", .badNumber),
    ("$1\r\nabc", .badLineEnd), ("#x\r\n", .badLiteral), ("_x\r\n", .badLiteral),
    ("%-1\r\n", .badNumber), ("*999999999\r\n", .tooLarge), ("%99999999\r\n", .tooLarge),
    ("$2000000\r\n", .tooLarge),
  ]

  @Test(arguments: bad) func refuses(_ text: String, _ want: RESPFault) {
    let bytes = Array(text.utf8)
    #expect(parse(bytes, with: RESPReader()) == .malformed(want))
  }

  @Test func boundsHoldAtTheLimitAndOnePast() {
    var limits = RESPLimits()
    limits.depthMaximum = 2
    limits.nodeCountMaximum = 3
    limits.textBytesMaximum = 4
    let reader = RESPReader(limits: limits)
    func outcome(_ text: String) -> RESPOutcome {
      parse(Array(text.utf8), with: reader)
    }
    #expect(outcome("*1\r\n*1\r\n:1\r\n") == .complete(upTo: 12))
    #expect(outcome("*1\r\n*1\r\n*0\r\n") == .malformed(.tooLarge))
    #expect(outcome("*2\r\n:1\r\n:2\r\n") == .complete(upTo: 12))
    #expect(outcome("*3\r\n:1\r\n:2\r\n:3\r\n") == .malformed(.tooLarge))
    #expect(outcome("$4\r\nabcd\r\n") == .complete(upTo: 10))
    #expect(outcome("$5\r\nabcde\r\n") == .malformed(.tooLarge))
  }

  @Test func commandsAreBulkStringsWhateverTheyHold() {
    var buffer = ByteBuffer(capacity: 128)
    let value = Array("a\r\n*1\r\n".utf8)
    RESPCommand.begin(argumentCount: 2, to: &buffer)
    RESPCommand.append("GET", to: &buffer)
    RESPCommand.append(value.span, to: &buffer)
    let reader = RESPReader()
    let bytes = [UInt8](copying: buffer.readable)
    #expect(parse(bytes, with: reader) == .complete(upTo: bytes.count))
    #expect(reader.nodeCount == 3)
    #expect(text(bytes, reader.node(at: 2).range) == "a\r\n*1\r\n")
  }
}
