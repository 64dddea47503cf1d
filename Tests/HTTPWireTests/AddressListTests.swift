// Addresses as proxies write them, and lists of them read from the end.

import Bytes
import HTTPWire
import Testing

@Suite("Addresses in fields")
struct AddressListTests {
  static let addresses: [Row<String?>] = [
    Row("IPv4", "192.0.2.1", "0:ffffc0000201"),
    Row("IPv4 with a port", "192.0.2.1:65535", "0:ffffc0000201"),
    Row("IPv4, all zero", "0.0.0.0", "0:ffff00000000"),
    Row("IPv6", "2001:db8::a", "20010db800000000:a"),
    Row("IPv6, all groups", "1:2:3:4:5:6:7:8", "1000200030004:5000600070008"),
    Row("IPv6, upper case", "2001:DB8::A", "20010db800000000:a"),
    Row("IPv6, unspecified", "::", "0:0"),
    Row("IPv6, loopback", "::1", "0:1"),
    Row("IPv6, zeros at the end", "fe80::", "fe80000000000000:0"),
    Row("IPv6, zeros in the middle", "1::8", "1000000000000:8"),
    Row("IPv6, one zero left out", "1:2:3::5:6:7:8", "1000200030000:5000600070008"),
    Row("IPv6, one zero left out at the end", "1:2:3:4:5:6:7::", "1000200030004:5000600070000"),
    Row("IPv6, one zero left out in front", "::2:3:4:5:6:7:8", "200030004:5000600070008"),
    Row("IPv4 mapped is the IPv4 address", "::ffff:192.0.2.1", "0:ffffc0000201"),
    Row("IPv4 mapped, hexadecimal", "::ffff:c000:0201", "0:ffffc0000201"),
    Row("IPv4 at the end", "64:ff9b::192.0.2.33", "64ff9b00000000:c0000221"),
    Row("IPv4 at the end of six groups", "1:2:3:4:5:6:1.2.3.4", "1000200030004:5000601020304"),
    Row("IPv6 in brackets", "[2001:db8::1]", "20010db800000000:1"),
    Row("IPv6 in brackets with a port", "[2001:db8::1]:8080", "20010db800000000:1"),
    Row("port of 0", "192.0.2.1:0", "0:ffffc0000201"),

    Row("nothing", "", nil),
    Row("unknown", "unknown", nil),
    Row("obfuscated", "_hidden", nil),
    Row("a name", "localhost", nil),
    Row("three parts", "192.0.2", nil),
    Row("five parts", "192.0.2.1.1", nil),
    Row("one number", "3221225985", nil),
    Row("part of 256", "192.0.2.256", nil),
    Row("octal", "192.0.02.1", nil),
    Row("hexadecimal part", "0xc0.0.2.1", nil),
    Row("empty part", "192..2.1", nil),
    Row("dot at the end", "192.0.2.1.", nil),
    Row("signed part", "192.0.2.+1", nil),
    Row("space in front", " 192.0.2.1", nil),
    Row("NUL behind", "192.0.2.1\0", nil),
    Row("colon without a port", "192.0.2.1:", nil),
    Row("port of 65536", "192.0.2.1:65536", nil),
    Row("port of six digits", "192.0.2.1:000080", nil),
    Row("port with a sign", "192.0.2.1:+1", nil),
    Row("two ports", "192.0.2.1:1:1", nil),
    Row("mask", "192.0.2.0/24", nil),
    Row("IPv4 in brackets", "[192.0.2.1]", nil),
    Row("quotes", "\"[::1]\"", nil),
    Row("no closing bracket", "[::1", nil),
    Row("text behind the bracket", "[::1]a", nil),
    Row("empty brackets", "[]", nil),
    Row("zone", "fe80::1%eth0", nil),
    Row("two double colons", "1::2::3", nil),
    Row("three colons", ":::", nil),
    Row("colon in front", ":1:2:3:4:5:6:7:8", nil),
    Row("colon behind", "1:2:3:4:5:6:7:8:", nil),
    Row("seven groups", "1:2:3:4:5:6:7", nil),
    Row("nine groups", "1:2:3:4:5:6:7:8:9", nil),
    Row("eight groups and a double colon", "1:2:3:4::5:6:7:8", nil),
    Row("eight groups and an IPv4 address", "1:2:3:4:5:6:7:8:1.2.3.4", nil),
    Row("seven groups and an IPv4 address", "1:2:3:4:5:6:7:1.2.3.4", nil),
    Row("IPv4 address in front", "1.2.3.4::", nil),
    Row("group of five digits", "12345::", nil),
    Row("a letter too far", "::g", nil),
    Row("endless digits", String(repeating: "1", count: 5_000), nil),
    Row("endless groups", String(repeating: "1:", count: 5_000), nil),
    Row("endless dots", String(repeating: ".", count: 5_000), nil),
  ]

  @Test(arguments: addresses) func areRead(row: Row<String?>) {
    let value = AddressList.parseIPAddress(row.input.span)
    let text = value.map { String($0.high, radix: 16) + ":" + String($0.low, radix: 16) }
    #expect(text == row.want)
  }

  /// The elements of a request's `X-Forwarded-For`, and whether there were more.
  private func elements(_ fields: String) -> (list: [String], isCutShort: Bool)? {
    let source = "GET / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n"
    guard let head = parsedRequest(source) else { return nil }
    let bytes = Array(source.utf8)
    var elements = AddressList.Elements(of: .xForwardedFor, in: head)
    var list: [String] = []
    while let range = elements.next(in: head, bytes.span) { list.append(text(source, range)) }
    #expect(elements.next(in: head, bytes.span) == nil, "the end is told again")
    return (list, elements.isCutShort)
  }

  static let lists: [Row<[String]>] = [
    Row("no field", "", []),
    Row("other fields", "X-Real-IP: 9\r\nForwarded: for=9\r\nX-Forwarded-Fox: 9\r\n", []),
    Row("one", "X-Forwarded-For: 1\r\n", ["1"]),
    Row("three", "X-Forwarded-For: 1, 2,3\r\n", ["3", "2", "1"]),
    Row(
      "two lines with others between", "x-forwarded-for: 1,2\r\nA: b\r\nX-Forwarded-For: 3\r\n",
      ["3", "2", "1"]),
    Row("empty field", "X-Forwarded-For:\r\n", []),
    Row("empty field behind", "X-Forwarded-For: 1\r\nX-Forwarded-For:\r\n", ["1"]),
    Row("empty elements", "X-Forwarded-For: ,1,, \t ,2 ,\r\n", ["2", "1"]),
    Row("whitespace", "X-Forwarded-For: \t1 \t,\t 2 \t\r\n", ["2", "1"]),
    Row("spaces within stay", "X-Forwarded-For: a b, c\r\n", ["c", "a b"]),
  ]

  @Test(arguments: lists) func areReadFromTheEnd(row: Row<[String]>) {
    let read = elements(String(decoding: row.input, as: UTF8.self))
    #expect(read?.list == row.want)
    #expect(read?.isCutShort == false)
  }

  @Test func theirNumberIsBounded() {
    let most = AddressList.elementsMaximum
    let numbers = (1...most).map(String.init)
    let atLimit = elements("X-Forwarded-For: " + numbers.joined(separator: ",") + "\r\n")
    #expect(atLimit?.list == numbers.reversed())
    #expect(atLimit?.isCutShort == false)
    let oneMore = elements("X-Forwarded-For: 0," + numbers.joined(separator: ",") + "\r\n")
    #expect(oneMore?.list == numbers.reversed())
    #expect(oneMore?.isCutShort == true)
    let lines = numbers.map { "X-Forwarded-For: \($0)\r\n" }.joined()
    #expect(elements("X-Forwarded-For: 0\r\n" + lines)?.list == numbers.reversed())
    let commas = elements("X-Forwarded-For: 1" + String(repeating: ",", count: most) + "\r\n")
    #expect(commas?.list == [] && commas?.isCutShort == true)
  }
}
