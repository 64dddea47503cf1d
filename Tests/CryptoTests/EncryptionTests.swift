import Bytes
import Testing

@testable import Crypto

/// AES-GCM and RSA-OAEP: published examples, every damage, every size.
@Suite struct EncryptionTests {
  /// Opens into an array; nil when it doesn't open.
  static func open(
    _ ciphertext: [UInt8], key: [UInt8], vector: [UInt8], tag: [UInt8], _ data: [UInt8] = [],
    capacity: Int = 4096
  ) -> [UInt8]? {
    var buffer = ByteBuffer(capacity: capacity)
    buffer.append(UInt8(7))
    let isOpen = ContentCipher.open(
      ciphertext.span, key: key.span, vector: vector.span, tag: tag.span,
      authenticating: data.span, into: &buffer)
    let all = [UInt8](copying: buffer.readable)
    // What was there stays, and a failed attempt adds nothing.
    if !isOpen { #expect(all == [7]) }
    return isOpen ? Array(all.dropFirst()) : nil
  }

  @Test func opensPublishedExamples() {
    // The Galois/Counter Mode of Operation (McGrew, Viega), test cases 1, 2, 13 and 14.
    let rows: [(Int, String, String)] = [
      (16, "", "58e2fccefa7e3061367f1d57a4e7455a"),
      (16, "0388dace60b6a392f328c2b971b2fe78", "ab6e47d42cec13bdf53a67b21257bddf"),
      (32, "", "530f8afbc74536b9a963b4f1c4cb738b"),
      (32, "cea7403d4d606b6e074ec5d3baf39d18", "d0d1c8a799996bf0265b98b5d48ab919"),
    ]
    for (size, ciphertext, tag) in rows {
      let key = [UInt8](repeating: 0, count: size)
      let vector = [UInt8](repeating: 0, count: 12)
      let found = Self.open(bytes(ciphertext), key: key, vector: vector, tag: bytes(tag))
      #expect(found == [UInt8](repeating: 0, count: ciphertext.utf8.count / 2))
    }
    // RFC 7520 §5.6.
    let header =
      "eyJhbGciOiJkaXIiLCJraWQiOiI3N2M3ZTJiOC02ZTEzLTQ1Y2YtODY3Mi02MTdiNWI0NTI0M2EiLCJlbmMiOiJBMTI4"
      + "R0NNIn0"
    let ciphertext =
      "JW_i_f52hww_ELQPGaYyeAB6HYGcR559l9TYnSovc23XJoBcW29rHP8yZOZG7YhLpT1bjFuvZPjQS-m0IFtVcXkZXdH_"
      + "lr_FrdYt9HRUYkshtrMmIUAyGmUnd9zMDB2n0cRDIHAzFVeJUDxkUwVAE7_YGRPdcqMyiBoCO-FBdE-Nceb4h3-FtBP-"
      + "c_BIwCPTjb9o0SbdcdREEMJMyZBH8ySWMVi1gPD9yxi-aQpGbSv_F9N4IZAxscj5g-NJsUPbjk29-s7LJAGb15wEBtXp"
      + "hVCgyy53CoIKLHHeJHXex45Uz9aKZSRSInZI-wjsY0yu3cT4_aQ3i1o-tiE-F8Ios61EKgyIQ4CWao8PFMj8TTnp"
    let plain = Self.open(
      bytes(base64URL: ciphertext), key: bytes(base64URL: "XctOhJAkA-pD9Lh7ZgW_2A"),
      vector: bytes(base64URL: "refa467QzzKx6QAB"), tag: bytes(base64URL: "vbb32Xvllea2OtmHAdccRQ"),
      Array(header.utf8))
    #expect(
      plain.map { String(decoding: $0, as: UTF8.self) }
        == "You can trust us to stick with you through thick and thin\u{2013}to the bitter end. And "
        + "you can trust us to keep any secret of yours\u{2013}closer than you keep it yourself. But "
        + "you cannot trust us to let you face trouble alone, and go off without a word. We are your "
        + "friends, Frodo.")
  }

  @Test(arguments: [16, 32]) func opensWhatItSealedAndNothingElse(_ size: Int) {
    let key = (0..<size).map { UInt8($0) }
    let vector = (0..<12).map { UInt8($0 + 100) }
    let data = Array("header".utf8)
    for count in [0, 1, 15, 16, 17, 1000] {
      let plain = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
      var sealed = ByteBuffer(capacity: 1024)
      var tagBuffer = ByteBuffer(capacity: 16)
      let isSealed = ContentCipher.seal(
        plain.span, key: key.span, vector: vector.span, authenticating: data.span, into: &sealed,
        tag: &tagBuffer)
      #expect(isSealed)
      let ciphertext = [UInt8](copying: sealed.readable)
      let tag = [UInt8](copying: tagBuffer.readable)
      #expect(ciphertext.count == count && tag.count == 16)
      #expect(Self.open(ciphertext, key: key, vector: vector, tag: tag, data) == plain)
      // The room fits exactly, and one byte less doesn't (one byte is there already).
      #expect(
        Self.open(ciphertext, key: key, vector: vector, tag: tag, data, capacity: count + 1)
          == plain
      )
      if count > 0 {
        #expect(
          Self.open(ciphertext, key: key, vector: vector, tag: tag, data, capacity: count) == nil)
      }
      func changed(_ bytes: [UInt8], _ index: Int) -> [UInt8] {
        var bytes = bytes
        bytes[index] ^= 1
        return bytes
      }
      #expect(Self.open(ciphertext, key: changed(key, 0), vector: vector, tag: tag, data) == nil)
      #expect(Self.open(ciphertext, key: key, vector: changed(vector, 11), tag: tag, data) == nil)
      #expect(Self.open(ciphertext, key: key, vector: vector, tag: changed(tag, 15), data) == nil)
      #expect(Self.open(ciphertext, key: key, vector: vector, tag: tag, changed(data, 0)) == nil)
      #expect(Self.open(ciphertext, key: key, vector: vector, tag: tag, []) == nil)
      if count > 0 {
        #expect(Self.open(changed(ciphertext, 0), key: key, vector: vector, tag: tag, data) == nil)
        #expect(
          Self.open(Array(ciphertext.dropLast()), key: key, vector: vector, tag: tag, data) == nil)
      }
      // Short tags would be easy to guess; other sizes of vector mean other constructions.
      for size in [0, 4, 8, 12, 15, 17] {
        let other = Array((tag + [0]).prefix(size))
        #expect(Self.open(ciphertext, key: key, vector: vector, tag: other, data) == nil)
      }
      for size in [0, 8, 11, 13, 16] {
        let other = Array((vector + [0, 0, 0, 0]).prefix(size))
        #expect(Self.open(ciphertext, key: key, vector: other, tag: tag, data) == nil)
      }
      for size in [0, 15, 17, 24, 31, 33] {
        let other = [UInt8](repeating: 1, count: size)
        #expect(Self.open(ciphertext, key: other, vector: vector, tag: tag, data) == nil)
      }
    }
  }

  @Test func unwrapsWhatItWrapped() throws {
    let keys = try privateKeys()
    for size in [16, 32] {
      let secret = (0..<size).map { UInt8($0 + 1) }
      var wrapped = ByteBuffer(capacity: 256)
      let isWrapped = keys[0].publicKey.wrap(secret.span, into: &wrapped)
      #expect(isWrapped)
      let bytes = [UInt8](copying: wrapped.readable)
      #expect(bytes.count == 256)
      #expect(Self.unwrap(bytes, keys[0], size) == secret)
      // Whatever is wrong, there are as many bytes, and they are other ones each time.
      var damaged = bytes
      damaged[100] ^= 1
      let wrong: [(String, [UInt8], Int)] = [
        ("another size", bytes, 48 - size), ("damaged", damaged, size), ("empty", [], size),
        ("short", Array(bytes.dropLast()), size), ("long", bytes + [0], size),
        ("zeros", [UInt8](repeating: 0, count: 256), size),
        ("ones", [UInt8](repeating: 0xFF, count: 256), size),
      ]
      for (name, bytes, size) in wrong {
        let one = Self.unwrap(bytes, keys[0], size)
        let two = Self.unwrap(bytes, keys[0], size)
        #expect(one?.count == size && two?.count == size && one != two && one != secret, "\(name)")
      }
    }
  }

  @Test func wrapsForRSAOnlyAndWithRoom() throws {
    let secret = [UInt8](repeating: 1, count: 32)
    for key in try privateKeys().dropFirst() {
      var buffer = ByteBuffer(capacity: 512)
      #expect(Self.unwrap([UInt8](repeating: 1, count: 256), key, 16) == nil)
      let isWrapped = key.publicKey.wrap(secret.span, into: &buffer)
      #expect(!isWrapped)
    }
    let key = try privateKeys()[0]
    var small = ByteBuffer(capacity: 255)
    let isWrapped = key.publicKey.wrap(secret.span, into: &small)
    #expect(!isWrapped)
    var tiny = ByteBuffer(capacity: 15)
    let isUnwrapped = key.unwrap(secret.span, byteCount: 16, into: &tiny)
    #expect(!isUnwrapped)
  }

  static func unwrap(_ wrapped: [UInt8], _ key: PrivateKey, _ count: Int) -> [UInt8]? {
    var buffer = ByteBuffer(capacity: 64)
    guard key.unwrap(wrapped.span, byteCount: count, into: &buffer) else { return nil }
    return [UInt8](copying: buffer.readable)
  }
}
