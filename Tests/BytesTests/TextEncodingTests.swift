// base64 and hexadecimal as people paste them, and published base64url; what base64url refuses stands
// in Base64URLStrictTests.

import Bytes
import Testing

@Suite struct TextEncodingTests {
  /// RFC 4648 §10, and letters in which the two alphabets differ.
  static let vectors: [(plain: [UInt8], base64: String, url: String, hexadecimal: String)] = [
    ([], "", "", ""),
    (Array("f".utf8), "Zg==", "Zg", "66"),
    (Array("fo".utf8), "Zm8=", "Zm8", "666f"),
    (Array("foo".utf8), "Zm9v", "Zm9v", "666f6f"),
    (Array("foob".utf8), "Zm9vYg==", "Zm9vYg", "666f6f62"),
    (Array("fooba".utf8), "Zm9vYmE=", "Zm9vYmE", "666f6f6261"),
    (Array("foobar".utf8), "Zm9vYmFy", "Zm9vYmFy", "666f6f626172"),
    ([0xfb, 0xff, 0xbf], "+/+/", "-_-_", "fbffbf"),
    ([0, 0, 0, 0], "AAAAAA==", "AAAAAA", "00000000"),
  ]

  /// What a decoder makes of a text; nil when it refuses.
  private func run(
    _ text: String, capacity: Int = 64, _ decode: (Span<UInt8>, inout ByteBuffer) -> Bool
  ) -> [UInt8]? {
    let bytes = Array(text.utf8)
    var buffer = ByteBuffer(capacity: capacity)
    let isFine = decode(bytes.span, &buffer)
    return isFine ? [UInt8](copying: buffer.readable) : nil
  }

  private func written(
    _ bytes: [UInt8], _ encode: (Span<UInt8>, inout ByteBuffer) -> Void
  ) -> String {
    var buffer = ByteBuffer(capacity: 64)
    encode(bytes.span, &buffer)
    return text(buffer)
  }

  @Test(arguments: vectors.indices)
  func publishedVectorsGoBothWays(_ index: Int) {
    let row = Self.vectors[index]
    #expect(written(row.plain) { Base64.encode($0, into: &$1) } == row.base64)
    #expect(written(row.plain) { Base64URL.encode($0, into: &$1) } == row.url)
    #expect(written(row.plain) { Hexadecimal.encode($0, into: &$1) } == row.hexadecimal)
    #expect(run(row.base64) { Base64.decode($0, into: &$1) } == row.plain)
    #expect(run(row.url) { Base64URL.decode($0, into: &$1) } == row.plain)
    #expect(run(row.hexadecimal) { Hexadecimal.decode($0, into: &$1) } == row.plain)
    let unpadded = row.base64.filter { $0 != "=" }
    #expect(run(unpadded) { Base64.decode($0, into: &$1) } == row.plain, "padding is optional")
    let upper = row.hexadecimal.uppercased()
    #expect(run(upper) { Hexadecimal.decode($0, into: &$1) } == row.plain)
  }

  @Test(arguments: [
    "=", "==", "===", "====", "Zg=", "Zg===", "Zm8==", "Zm9v=", "Zm9v==", "Zm9v====", "Z", "Zg=A",
    "=Zg=", "Zm9vY", "Zh==", "Zm9=", "-_-_", "Zm9v\n", " Zm9v", "Zm 9v", "Zm9vZg==Zm9v",
    "Zm9\u{e9}",
  ])
  func refusesWhatIsNoBase64(_ text: String) {
    #expect(run(text) { Base64.decode($0, into: &$1) } == nil)
  }

  @Test(arguments: ["0", "000", "0g", "g0", "0x00", " 00", "00 ", "0\u{0}", "é"])
  func refusesWhatIsNoHexadecimal(_ text: String) {
    #expect(run(text) { Hexadecimal.decode($0, into: &$1) } == nil)
  }

  @Test func refusesWhatDoesNotFit() {
    #expect(run("666f6f", capacity: 3) { Hexadecimal.decode($0, into: &$1) } != nil)
    #expect(run("666f6f", capacity: 2) { Hexadecimal.decode($0, into: &$1) } == nil)
    #expect(run("Zm9vYmFy", capacity: 64) { Base64.decode($0, into: &$1) } != nil)
    #expect(run("Zm9vYmFy", capacity: 5) { Base64.decode($0, into: &$1) } == nil)
  }
}
