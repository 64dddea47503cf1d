// The copy on disk of a fetched key set: what a gateway that starts while the issuer is away goes by.
//
// The file is the set as it was fetched, with one member more that says whose it is and since when, so
// that it is also a file for `--jwks`. Whoever can write it decides who signs tokens: it is made with
// mode 0600, and not used when others than its owner may write it or when it belongs to another user.
//
// Blocks: at start, in tools, and on Dispatch.

import Bytes
import EventLoop
import Fetch
import JSON
import Tokens

/// What a copy held.
struct KeySetCopy {
  let set: KeyFile
  /// When it was fetched, in seconds since 1970.
  let fetchedSeconds: Int64

  /// What reading one came to.
  enum Reading {
    case usable(KeySetCopy)
    case missing
    /// It is there and not used, for a reason in words.
    case refused(String)
  }

  /// The member that makes a set a copy. Others ignore it (RFC 7517 §5).
  private static let member: StaticString = "gateway_copy"
  /// The set and the member.
  private static let bytesMaximum = KeySetAnswer.bytesMaximum + 4096

  /// The file's text: `set` is a JSON object that was judged.
  static func text(_ set: [UInt8], of url: KeySetURL, fetchedSeconds: Int64) -> [UInt8]? {
    guard let brace = set.firstIndex(of: UInt8(ascii: "{")) else { return nil }
    let head =
      "{\"\(member)\":{\"url\":\(JSONText.quoted(url.shown)),"
      + "\"url_sha256\":\"\(KeySetURL.digest(url.url))\",\"fetched\":\(fetchedSeconds)},"
    return Array(head.utf8) + set[(brace + 1)...]
  }

  /// Writes a copy whole or not at all; its folder is made when it is missing.
  static func write(_ text: [UInt8], to path: String) throws(SystemError) {
    try Files.makeDirectories(Files.directory(of: path), mode: 0o700)
    try Files.replace(path, with: text.span, mode: 0o600)
  }

  /// Reads the copy of `url`. Whoever only asks what the gateway would say may read another user's.
  static func read(of url: KeySetURL, nowSeconds: Int64, ownerMatters: Bool = true) -> Reading {
    guard let path = url.copyPath else { return .missing }
    guard Files.status(path) != nil else { return .missing }
    do throws(SystemError) {
      let (status, bytes) = try Files.readFile(path, bytesMaximum: bytesMaximum)
      guard let bytes else { return .refused("it is not a file") }
      guard status.mode & 0o022 == 0 else {
        return .refused("others may write it (its mode should be 0600)")
      }
      guard !ownerMatters || status.owner == System.userIdentifier || status.owner == 0 else {
        return .refused("it belongs to another user")
      }
      return judge(bytes, of: url, nowSeconds: nowSeconds)
    } catch {
      return .refused(error.reason)
    }
  }

  private static func judge(_ text: [UInt8], of url: KeySetURL, nowSeconds: Int64) -> Reading {
    let document = JSONDocument(depthMaximum: 8, nodeMaximum: 8192)
    guard case .valid = document.parse(text.span),
      let about = document.member(member, of: 0, in: text.span),
      let digest = document.member("url_sha256", of: about, in: text.span),
      let time = document.member("fetched", of: about, in: text.span),
      let fetched = document.integer(time, in: text.span)
    else { return .refused("it is broken") }
    guard document.text(digest, in: text.span) == KeySetURL.digest(url.url) else {
      return .refused("it is of another URL")
    }
    guard fetched >= 0, fetched <= nowSeconds else {
      return .refused("its time lies in the future")
    }
    // A time that was far away stays so: both are seconds since 1970.
    guard nowSeconds - fetched < KeySetSchedule.staleMaximum / 1000 else {
      return .refused("it is older than a day")
    }
    do throws(KeySetRefusal) {
      return .usable(KeySetCopy(set: try KeySetAnswer.read(text), fetchedSeconds: fetched))
    } catch {
      return .refused("it is broken: " + error.reason)
    }
  }
}
