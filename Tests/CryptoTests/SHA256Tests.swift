import Bytes
import Crypto
import Testing

/// The examples published with FIPS 180-4.
@Suite struct SHA256Tests {
  static let vectors: [(name: String, message: String, digest: String)] = [
    ("empty", "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("one block", "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
      "two blocks", "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
    (
      "896 bits",
      "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
        + "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
      "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"
    ),
  ]

  @Test(arguments: vectors) func matchesThePublishedDigests(
    _ name: String, _ message: String, _ digest: String
  ) {
    let message = Array(message.utf8)
    var buffer = ByteBuffer(capacity: 32)
    SHA256.append(hashOf: message.span, to: &buffer)
    let whole = hexadecimal(buffer)
    #expect(whole == digest, "\(name)")
    for cut in 0...message.count {
      var hash = SHA256()
      hash.update(message.span.slice(from: 0, to: cut))
      var copy = hash
      hash.update(message.span.slice(from: cut))
      copy.update(message.span.slice(from: cut))
      var parts = ByteBuffer(capacity: 64)
      hash.finish(into: &parts)
      copy.finish(into: &parts)
      let both = hexadecimal(parts)
      #expect(both == digest + digest, "\(name), cut at \(cut)")
    }
  }

  @Test func hashesAMillionLetters() {
    var hash = SHA256()
    let chunk = [UInt8](repeating: UInt8(ascii: "a"), count: 1000)
    for _ in 0..<1000 { hash.update(chunk.span) }
    var buffer = ByteBuffer(capacity: 32)
    hash.finish(into: &buffer)
    let digest = hexadecimal(buffer)
    #expect(
      digest == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
  }
}
