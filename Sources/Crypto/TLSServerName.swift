// Whom a client means to talk to: the name or IP address that the peer's certificate must be for
// (RFC 9525 §6). A session cannot be made without one, so verification cannot be forgotten.
//
// Strict: what is taken here is exactly what OpenSSL compares, so no NUL, no wildcard and no odd
// spelling of an address gets into the comparison. Pure.

import Bytes
import COpenSSL

/// A checked server name.
public struct TLSServerName: Sendable, Hashable, CustomStringConvertible {
  /// The longest name (RFC 1035 §2.3.4).
  public static let bytesMaximum = 253

  /// The name in lower case, or the address as it was written.
  public let description: String
  /// True for an IPv4 or IPv6 address, which is compared with addresses of the certificate, and never
  /// sent in the greeting (RFC 6066 §3).
  public let isAddress: Bool

  /// Takes a host name, or an IP address without brackets; nil for anything else.
  public init?(_ text: String) {
    let bytes = Array(text.utf8)
    guard !bytes.isEmpty, bytes.count <= Self.bytesMaximum else { return nil }
    if bytes.contains(UInt8(ascii: ":")) {
      let isPlain = bytes.allSatisfy {
        $0.hexadecimalDigitValue != nil || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: ".")
      }
      // OpenSSL would take a lone colon.
      let colonCount = bytes.count { $0 == UInt8(ascii: ":") }
      guard isPlain, colonCount >= 2, Self.isAddress(text) else { return nil }
      description = text
      isAddress = true
      return
    }
    let labels = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard labels.allSatisfy(Self.isLabel), let last = labels.last else { return nil }
    // A name whose last label is a number is an address (WHATWG URL §3.5), or an odd spelling of one
    // that some resolvers take and others don't.
    if last.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }) {
      guard labels.allSatisfy({ $0.count == 1 || $0.first != UInt8(ascii: "0") }),
        Self.isAddress(text)
      else { return nil }
      description = text
      isAddress = true
      return
    }
    description = String(decoding: bytes.map(\.asciiLowercased), as: UTF8.self)
    isAddress = false
  }

  private static func isLabel(_ label: ArraySlice<UInt8>) -> Bool {
    (1...63).contains(label.count)
      && label.first != UInt8(ascii: "-") && label.last != UInt8(ascii: "-")
      && label.allSatisfy {
        $0.isASCIIAlphanumeric || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_")
      }
  }

  /// True when OpenSSL, which will compare it, reads `text` as an IP address.
  private static func isAddress(_ text: String) -> Bool {
    defer { ERR_clear_error() }
    // The string outlives the call and ends with a zero.
    let octets = unsafe a2i_IPADDRESS(text)
    defer { unsafe ASN1_OCTET_STRING_free(octets) }
    return unsafe octets != nil
  }
}
