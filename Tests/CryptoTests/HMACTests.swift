import Bytes
import Crypto
import Testing

/// RFC 4231 §4 (case 5 truncates the tag and is left out) and the edges of the block size; the
/// latter computed with Python's hmac.
@Suite struct HMACTests {
  struct Vector: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var key: String
    var data: String
    var tags: [String]
  }

  static let vectors = [
    Vector(
      testDescription: "1: short key",
      key: String(repeating: "0b", count: 20),
      data: "4869205468657265",
      tags: [
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f"
          + "4af152e8b2fa9cb6",
        "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702"
          + "038b274eaea3f4e4be9d914eeb61f1702e696c203a126854",
      ]),
    Vector(
      testDescription: "2: key shorter than the digest",
      key: "4a656665",
      data: "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
      tags: [
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c7"
          + "8b3239ecfab21649",
        "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a"
          + "6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
      ]),
    Vector(
      testDescription: "3: combined length over a block",
      key: String(repeating: "aa", count: 20),
      data: String(repeating: "dd", count: 50),
      tags: [
        "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
        "88062608d3e6ad8a0aa2ace014c8a86f0aa635d947ac9febe83ef4e55966144b2a5ab39dc13814b9"
          + "4e3ab6e101a34f27",
        "fa73b0089d56a284efb0f0756c890be9b1b5dbdd8ee81a3655f83e33b2279d39bf3e848279a722c8"
          + "06b485a47e67c807b946a337bee8942674278859e13292fb",
      ]),
    Vector(
      testDescription: "4: 25-byte key",
      key: "0102030405060708090a0b0c0d0e0f10111213141516171819",
      data: String(repeating: "cd", count: 50),
      tags: [
        "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
        "3e8a69b7783c25851933ab6290af6ca77a9981480850009cc5577c6e1f573b4e6801dd23c4a7d679"
          + "ccf8a386c674cffb",
        "b0ba465637458c6990e5a8c5f61d4af7e576d97ff94b872de76f8050361ee3dba91ca5c11aa25eb4"
          + "d679275cc5788063a5f19741120c4f2de2adebeb10a298dd",
      ]),
    Vector(
      testDescription: "6: key over a block",
      key: String(repeating: "aa", count: 131),
      data: "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b6579202d20"
        + "48617368204b6579204669727374",
      tags: [
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c60c2ef6ab4030fe82"
          + "96248df163f44952",
        "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f3526b56d037e05f2598"
          + "bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598",
      ]),
    Vector(
      testDescription: "7: key and data over a block",
      key: String(repeating: "aa", count: 131),
      data: "5468697320697320612074657374207573696e672061206c6172676572207468616e20626c6f636b"
        + "2d73697a65206b657920616e642061206c6172676572207468616e20626c6f636b2d73697a652064"
        + "6174612e20546865206b6579206e6565647320746f20626520686173686564206265666f72652062"
        + "65696e6720757365642062792074686520484d414320616c676f726974686d2e",
      tags: [
        "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
        "6617178e941f020d351e2f254e8fd32c602420feb0b8fb9adccebb82461e99c5a678cc31e799176d"
          + "3860e6110c46523e",
        "e37b6a775dc87dbaa4dfa9f96e5e3ffddebd71f8867289865df5a32d20cdc944b6022cac3c4982b1"
          + "0d5eeb55c3e4de15134676fb6de0446065c97440fa8c6a58",
      ]),
    Vector(
      testDescription: "key of exactly 64 bytes",
      key: String(repeating: "41", count: 64),
      data: "00",
      tags: [
        "a1bd91ebc68f95ab8d183e3a9cff001f625fea31274e73fc4c165f7845ed603b",
        "acc198d18dd89976db1a66f26fe32b4161fb445675fae04cefc615fe9d913e4c83a9a08b1624eb9f"
          + "275666d6ae55ab73",
        "9320b88365906829faf5fb33afd7f470e3299697d85eb1cb878f86766ac584bfd4bf5572c2919970"
          + "30adc92e8f25159fa1e93dbeeeb52c87f74ed2ec603547e6",
      ]),
    Vector(
      testDescription: "key of 65 bytes",
      key: String(repeating: "41", count: 65),
      data: "00",
      tags: [
        "1bc8fb1fda3e110f79e979d276beb187a5a70113f89eccf0e5dcd4a272676de4",
        "33d249bcdc04505686cdf5168444acf4c958cc377e4b0b9ef721502531c8ded3b72fc3f58e04eef9"
          + "2145f81b9814d2c3",
        "f1b55e08c99442238dd2ff108f53c7d6732ea85588067da7459a9bff594ed523b0ed1f6d8a1525e3"
          + "f350548e364f1594f55c14d643ec8e80d788ed8a979f5793",
      ]),
    Vector(
      testDescription: "key of exactly 128 bytes",
      key: String(repeating: "42", count: 128),
      data: "00",
      tags: [
        "cd10d0268bf944dae7adb5b7b4303f2b5b3d20858afd3519a7a193b727ed4837",
        "b429a20db2fd952a73060a0c00ded5b8a55c175b3a8a61ed760c570c482845bcd5dfd4aedd9a3248"
          + "2e1e1393072f148a",
        "b20add1349b2c87244cfd288139df21361e10d9191f55246c5ab5cc886c13321253807d425189f7a"
          + "50e57390dfe6ad141477f3371da3e4e9a25e756e127f5555",
      ]),
    Vector(
      testDescription: "key of 129 bytes",
      key: String(repeating: "42", count: 129),
      data: "00",
      tags: [
        "7b3b7bbd6619acb83714c029c6046a23e56cbfd15ce4cdcf684c45c726a48cbb",
        "9120947f26741a6ffff38e3d323f5e1deb46f78471315ca0e2756731311b4a938125e0b9776eb7a4"
          + "c2bc05891c3dc6c3",
        "5a3786de6eb504cdca3f8b32be4344c3a5303f6b863e9972bf55d2614d7844952e37fbe088045315"
          + "2a5e1748b2ee9fd939d2ccb50311a54e9f336e242ada089a",
      ]),
    Vector(
      testDescription: "empty message",
      key: String(repeating: "0b", count: 20),
      data: "",
      tags: [
        "999a901219f032cd497cadb5e6051e97b6a29ab297bd6ae722bd6062a2f59542",
        "ac1e68c7036381efc1ae8514e489ed0eb1c40778d6156bf0a85b0e0c6a6b80f2476d135c9668ae9f"
          + "3f8ed8fc2405e46c",
        "ad8da3d882af6e9b872457adcdd638e9b87af44825425085f8ce81a4122bab781b92f5ab92ac2494"
          + "8ad369f86558fd469ca3f4861cb0f0dfb33154428ed03dfb",
      ]),
  ]

  @Test(arguments: vectors) func matchesThePublishedTags(_ vector: Vector) {
    for algorithm in MACAlgorithm.allCases {
      let key = HMACKey(algorithm, secret: SecretBytes(bytes(vector.key).span))
      let want = vector.tags[Int(algorithm.rawValue)]
      // Twice: a MAC must leave the precomputed contexts as they were.
      #expect(tag(key, bytes(vector.data)) == want)
      #expect(tag(key, bytes(vector.data)) == want)
      #expect(verifies(key, bytes(want), bytes(vector.data)))
    }
  }

  @Test func refusesEveryDamagedTag() {
    let key = HMACKey(.sha256, secret: SecretBytes(text: "Jefe"))
    let message = Array("what do ya want for nothing?".utf8)
    let good = bytes(tag(key, message))
    for index in 0..<good.count {
      for bit in 0..<8 {
        var damaged = good
        damaged[index] ^= 1 << bit
        #expect(!verifies(key, damaged, message), "byte \(index), bit \(bit)")
      }
    }
    for count in 0..<good.count {
      #expect(!verifies(key, Array(good[..<count]), message), "first \(count) bytes")
    }
    #expect(!verifies(key, good + [0], message))
    #expect(!verifies(key, [], message))
  }

  @Test func dropsATagThatDoesNotFit() {
    let key = HMACKey(.sha256, secret: SecretBytes(text: "Jefe"))
    var buffer = ByteBuffer(capacity: 31)
    key.append(tagOf: [UInt8]().span, to: &buffer)
    let isDropped = buffer.overflowed && buffer.isEmpty
    #expect(isDropped)
  }

  private func verifies(_ key: HMACKey, _ tag: [UInt8], _ message: [UInt8]) -> Bool {
    key.verify(tag.span, of: message.span)
  }

  private func tag(_ key: HMACKey, _ message: [UInt8]) -> String {
    var buffer = ByteBuffer(capacity: 64)
    key.append(tagOf: message.span, to: &buffer)
    return hexadecimal(buffer)
  }
}
