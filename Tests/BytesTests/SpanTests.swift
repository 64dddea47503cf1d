// The small questions about bytes, asked with arguments from outside the range too.

import Bytes
import Testing

@Suite struct SpanTests {
  static let letters = Array("abcdef".utf8)

  @Test(arguments: [
    (0, 6, "abcdef"), (0, 0, ""), (2, 4, "cd"), (5, 6, "f"), (6, 6, ""), (6, 9, ""), (-5, 2, "ab"),
    (3, 1, ""), (4, Int.max, "ef"), (Int.min, Int.max, "abcdef"), (Int.max, Int.min, ""),
  ])
  func slicesAreClamped(_ lower: Int, _ upper: Int, _ want: String) {
    let got = String(lossy: Self.letters.span.slice(from: lower, to: upper))
    #expect(got == want)
  }

  @Test func aSliceByRangeOrToTheEnd() {
    let range = String(lossy: Self.letters.span.slice(ByteRange(1, 3)))
    #expect(range == "bc")
    let beyond = String(lossy: Self.letters.span.slice(ByteRange(4, 4_000_000_000)))
    #expect(beyond == "ef")
    let rest = String(lossy: Self.letters.span.slice(from: 4))
    #expect(rest == "ef")
  }

  @Test(arguments: [
    (0, 5, 0, 5), (-1, 5, 0, 5), (5, 3, 5, 5), (-2, -1, 0, 0),
    (Int.max, Int.max, 4_294_967_295, 4_294_967_295), (7, Int.max, 7, 4_294_967_295),
  ])
  func rangesAreClamped(_ lower: Int, _ upper: Int, _ wantLower: Int, _ wantUpper: Int) {
    let range = ByteRange(lower, upper)
    #expect(range.lower == wantLower && range.upper == wantUpper)
    #expect(range.count == wantUpper - wantLower)
    #expect(range.isEmpty == (wantUpper == wantLower))
  }

  @Test(
    arguments: [
      ("", nil), ("0", 0), ("007", 7), ("42", 42), ("9223372036854775807", Int.max),
      ("9223372036854775808", nil), ("92233720368547758070", nil), ("99999999999999999999999", nil),
      ("+1", nil), ("-1", nil), (" 1", nil), ("1 ", nil), ("1a", nil), ("1.0", nil), ("0x1", nil),
      ("١", nil),
    ] as [(String, Int?)])
  func readsDigitsOnly(_ text: String, _ want: Int?) {
    let bytes = Array(text.utf8)
    let got = bytes.span.decimalValue()
    #expect(got == want)
  }

  @Test(arguments: [
    ("content-length", true, true), ("Content-Length", false, true),
    ("CONTENT-LENGTH", false, true),
    ("content-lengtH", false, true), ("content_length", false, false),
    // The byte that differs from '-' by the case bit only.
    ("content\rlength", false, false), ("content-lengt", false, false),
    ("content-lengthx", false, false), ("", false, false),
  ])
  func comparesNames(_ text: String, _ same: Bool, _ sameIgnoringCase: Bool) {
    let bytes = Array(text.utf8)
    let other = Array("content-length".utf8)
    let equal = bytes.span.equals("content-length")
    #expect(equal == same)
    let folded = bytes.span.equalsIgnoringCase(lowercase: "content-length")
    #expect(folded == sameIgnoringCase)
    let spans = bytes.span.equals(other.span)
    #expect(spans == same)
    let foldedSpans = bytes.span.equalsIgnoringCase(other.span)
    #expect(foldedSpans == sameIgnoringCase)
    // The same at an offset, with bytes around it.
    let framed = Array("<<".utf8) + bytes + Array(">".utf8)
    let found = framed.span.matchesIgnoringCase(lowercase: "content-length", at: 2)
    #expect(found == (sameIgnoringCase || text == "content-lengthx"))
    let foundExactly = framed.span.matches("content-length", at: 2)
    #expect(foundExactly == (same || text == "content-lengthx"))
  }

  @Test func foldsLettersAndNothingElse() {
    for byte in UInt8.min...UInt8.max {
      let isUpper = byte >= 0x41 && byte <= 0x5a
      let isLower = byte >= 0x61 && byte <= 0x7a
      let isDigit = byte >= 0x30 && byte <= 0x39
      #expect(byte.asciiLowercased == (isUpper ? byte + 32 : byte))
      #expect(byte.isASCIIAlphanumeric == (isUpper || isLower || isDigit))
      let digit = Array("0123456789abcdef".utf8).firstIndex(of: byte.asciiLowercased)
      #expect(byte.hexadecimalDigitValue.map(Int.init) == digit)
    }
  }

  @Test(arguments: [
    ("", true), ("a", true), ("abc", true), ("abcdef", true), ("abcdefg", false), ("b", false),
  ])
  func knowsItsBeginning(_ prefix: String, _ want: Bool) {
    let bytes = Array(prefix.utf8)
    let got = Self.letters.span.starts(with: bytes.span)
    #expect(got == want)
  }

  @Test func damagedTextIsStillText() {
    let bytes: [UInt8] = [0x61, 0xff, 0x62]
    let text = String(lossy: bytes.span)
    #expect(text == "a\u{FFFD}b")
    let copy = [UInt8](copying: bytes.span)
    #expect(copy == bytes)
  }
}
