// Key files: PEM, one JWK, or a JWK set (RFC 7517 §5). Which of them it is, the file shows itself.
//
// In a set a key that can't be used is skipped and noted, because sets of real issuers hold keys
// for encryption and of new kinds; a set with nothing left is refused. So is a set that mixes
// shared secrets with public keys (whoever publishes it publishes the secret), and one that names
// two keys of one algorithm alike (which is meant?).
//
// Start-up and tools. Messages name members and numbers, never values of secrets.

import Bytes
import Crypto
import JSON

/// Why a key file is not taken.
public struct KeyFileFault: Error, Equatable {
  /// One line for a person, behind the file's name: `holds no key`.
  public let message: String
  /// What to do about it, nil where nothing is to be said.
  public let hint: String?

  init(_ message: String, hint: String? = nil) {
    self.message = message
    self.hint = hint
  }
}

/// The keys of one file.
public struct KeyFile: Sendable {
  /// Longest file that is read, in bytes.
  public static let bytesMaximum = 256 << 10
  /// Most keys of a set.
  public static let keysMaximum = 64
  /// A key has some 15 members; a certificate chain is one string more each.
  static let nodesMaximum = 8192

  /// What is wanted of it.
  public enum Purpose: Sendable {
    /// Public halves are enough.
    case verifying
    /// One private key or secret.
    case signing
    /// The private half of every key that has one: of a realm that signs tokens itself.
    case minting
  }

  /// Its keys; never empty.
  public let keys: [TokenKey]
  /// Keys of a set that were skipped, and why, one line each.
  public let notes: [String]
  /// True when it holds a private key, which verification has no use for.
  public let holdsPrivateKey: Bool

  /// Reads the text of a file.
  public init(_ text: Span<UInt8>, for purpose: Purpose) throws(KeyFileFault) {
    var start = 0
    while start < text.count, text[start] <= 0x20 { start += 1 }
    if start < text.count, text[start] == UInt8(ascii: "{") {
      try self.init(json: text, purpose)
    } else {
      try self.init(pem: text, purpose)
    }
  }

  private init(pem text: Span<UInt8>, _ purpose: Purpose) throws(KeyFileFault) {
    do throws(KeyFault) {
      notes = []
      switch try PEMKey(text) {
      case .publicKey(let key):
        if purpose == .signing { throw .noPrivateKey }
        keys = [TokenKey(.publicKey(key))]
        holdsPrivateKey = false
      case .privateKey(let key):
        keys = [TokenKey(purpose == .verifying ? .publicKey(key.publicKey) : .privateKey(key))]
        holdsPrivateKey = true
      }
    } catch {
      let hint: String? =
        switch error {
        case .noKey: "it takes PEM (PUBLIC KEY, CERTIFICATE, PRIVATE KEY), a JWK or a JWK set"
        case .severalKeys: "give each key a file of its own, or use a JWK set"
        case .encrypted:
          "the gateway asks for no passphrase; verification needs the public key only"
        default: nil
        }
      throw KeyFileFault(error.message, hint: hint)
    }
  }

  private init(json text: Span<UInt8>, _ purpose: Purpose) throws(KeyFileFault) {
    let document = JSONDocument(depthMaximum: 8, nodeMaximum: Self.nodesMaximum)
    if case .invalid(let fault, let offset) = document.parse(text) {
      throw KeyFileFault("is no strict JSON: \(fault.name) at byte \(offset)")
    }
    if document.containsNUL { throw KeyFileFault("holds a string with a NUL") }
    func key(_ row: Int) -> JSONWebKey {
      let wantsPrivate =
        purpose == .signing || purpose == .minting && Self.isPrivate(document, row, text)
      return JSONWebKey(document: document, row: row, wantsPrivate: wantsPrivate)
    }
    guard let set = document.member("keys", of: 0, in: text) else {
      do throws(JSONWebKeyFault) {
        keys = [try key(0).read(text)]
      } catch {
        throw KeyFileFault("holds a key that \(error.message)")
      }
      notes = []
      holdsPrivateKey = Self.isPrivate(document, 0, text)
      return
    }
    guard document.kind(set) == .array else { throw KeyFileFault("has keys that are no array") }
    var found: [TokenKey] = []
    var skipped: [String] = []
    var names: [JSONWebKey.SignatureName] = []
    var unusableNames: [JSONWebKey.SignatureName] = []
    var families: Set<JSONWebKey.Family> = []
    var hasPrivate = false
    var row = set + 1
    var count = 0
    while row < document.next(set) {
      count += 1
      guard count <= Self.keysMaximum else {
        throw KeyFileFault("holds more than \(Self.keysMaximum) keys")
      }
      let reader = key(row)
      if let family = reader.family(text) { families.insert(family) }
      hasPrivate = hasPrivate || Self.isPrivate(document, row, text)
      do throws(JSONWebKeyFault) {
        found.append(try reader.read(text))
        if let name = reader.signatureName(text) { names.append(name) }
      } catch {
        skipped.append("key \(count) (\(reader.label(text))) \(error.message)")
        if let name = reader.signatureName(text) { unusableNames.append(name) }
      }
      row = document.next(row)
    }
    if families.count > 1 {
      throw KeyFileFault(
        "mixes shared secrets with public keys",
        hint: "a set that others may read must hold no secret; use two files")
    }
    try Self.checkNames(found)
    // A key that can't be used takes its name all the same: it might be the one that is meant.
    for name in names where unusableNames.contains(where: name.meansAlso) {
      throw Self.sharedName(name.identifier)
    }
    guard !found.isEmpty else {
      throw KeyFileFault(
        skipped.first.map { "holds no key for signatures: \($0)" } ?? "holds an empty set")
    }
    keys = found
    notes = skipped
    holdsPrivateKey = hasPrivate
  }

  private static func isPrivate(_ document: JSONDocument, _ row: Int, _ text: Span<UInt8>) -> Bool {
    document.member("d", of: row, in: text) != nil
  }

  /// RFC 7517 §4.5 lets keys share a `kid` only where their types tell them apart.
  private static func checkNames(_ keys: [TokenKey]) throws(KeyFileFault) {
    for (index, key) in keys.enumerated() {
      guard let identifier = key.identifier else { continue }
      for other in keys[..<index] where other.identifier == identifier {
        let common = key.fittingAlgorithms.filter(other.fittingAlgorithms.contains)
        let areApart =
          key.algorithm != nil && other.algorithm != nil
          && key.algorithm != other.algorithm
        if !common.isEmpty, !areApart, !key.material.equals(other.material) {
          throw sharedName(String(lossy: identifier.span))
        }
      }
    }
  }

  private static func sharedName(_ name: String) -> KeyFileFault {
    KeyFileFault(
      "names two keys \(JSONText.quoted(name))", hint: "each key needs a kid of its own")
  }
}
