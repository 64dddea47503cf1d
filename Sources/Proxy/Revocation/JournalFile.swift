// Reading and rewriting the blocklist's journal: what a restart remembers.
//
// The file holds one record a line (`RevocationRecord`), appended in the order in which they were
// applied. Only its last line can be torn (the process or the machine died while writing), and a torn
// line was never acknowledged, so it is cut off. Damage anywhere else means that something else wrote
// here: which revocations are missing can't be known, so loading fails and says the line.
//
// Blocking: at start and on the journal's queue.

import Bytes
import EventLoop
import Policy

/// Why a journal can't be used.
public enum JournalFault: Error, Sendable, CustomStringConvertible {
  /// The file can't be read or written.
  case file(path: String, SystemError)
  /// A line before the last is neither a record nor a comment.
  case damaged(path: String, line: Int)

  /// For people.
  public var description: String {
    switch self {
    case .file(let path, let error):
      "\(path): \(error.reason)"
    case .damaged(let path, let line):
      "\(path):\(line): this line of the blocklist's journal is damaged; what it revoked can't be "
        + "known. Restore the file from a copy, or delete the line to accept the loss"
    }
  }
}

/// What a journal held.
public struct JournalContent: Sendable {
  /// Entries that are still in force, in the order in which they were first written.
  public var entries: [RevocationEntry] = []
  /// Lines in the file.
  public var lineCount = 0
  /// Lines of a later version, which were skipped.
  public var unknownLineCount = 0
  /// True when the last line was torn and has been left out.
  public var hadTornTail = false
}

enum JournalFile {
  /// Largest journal that is read: far more than the table's 4 million entries need.
  static let bytesMaximum = 1 << 30

  /// Reads the entries that are in force at `nowSeconds`; a missing file is an empty journal.
  static func load(_ path: String, nowSeconds: Int64) throws(JournalFault) -> JournalContent {
    let bytes: [UInt8]
    do throws(SystemError) {
      bytes = try Files.read(path, bytesMaximum: bytesMaximum)
    } catch {
      if error.isMissingFile { return JournalContent() }
      throw .file(path: path, error)
    }
    return try parse(bytes.span, path: path, nowSeconds: nowSeconds)
  }

  /// Compared by bytes, as the table does: texts that Swift calls equal (a composed and a decomposed
  /// letter) are different subjects and token ids.
  private struct Key: Hashable {
    let kind: RevocationKind
    let realm: [UInt8]
    let value: [UInt8]

    init(_ kind: RevocationKind, _ realm: String, _ value: String) {
      self.kind = kind
      self.realm = Array(realm.utf8)
      self.value = Array(value.utf8)
    }
  }

  private static func parse(
    _ bytes: Span<UInt8>, path: String, nowSeconds: Int64
  ) throws(JournalFault) -> JournalContent {
    var content = JournalContent()
    var positions: [Key: Int] = [:]
    var live: [RevocationEntry?] = []
    var start = 0
    while start < bytes.count {
      content.lineCount += 1
      guard let end = bytes.firstIndex(of: UInt8(ascii: "\n"), from: start) else {
        content.hadTornTail = true
        break
      }
      switch RevocationRecord.parse(bytes.slice(from: start, to: end)) {
      case .record(.revoke(let entry)):
        let key = Key(entry.kind, entry.realm, entry.value)
        if let position = positions[key], let known = live[position] {
          // As in the table: a second revocation never weakens the first.
          var stronger = entry
          stronger.time = max(known.time, entry.time)
          stronger.expiry = max(known.expiry, entry.expiry)
          live[position] = stronger
        } else {
          positions[key] = live.count
          live.append(entry)
        }
      case .record(.lift(let kind, let realm, let value)):
        if let position = positions.removeValue(forKey: Key(kind, realm, value)) {
          live[position] = nil
        }
      case .blank: break
      case .unknown: content.unknownLineCount += 1
      case .damaged:
        // A torn line may by accident end in a line feed; only the last one can be torn.
        guard end + 1 == bytes.count else { throw .damaged(path: path, line: content.lineCount) }
        content.hadTornTail = true
      }
      start = end + 1
    }
    content.entries = live.compactMap { $0 }.filter { $0.expiry > nowSeconds }
    return content
  }

  /// Puts `entries` in the place of the file's content, whole or not at all.
  static func rewrite(_ path: String, entries: [RevocationEntry]) throws(JournalFault) -> Int {
    var bytes: [UInt8] = Array("# gateway blocklist journal, format 1\n".utf8)
    var line = ByteBuffer(capacity: RevocationRecord.lineBytesMaximum)
    for entry in entries {
      line.clear()
      RevocationRecord.revoke(entry).append(to: &line)
      bytes.append(contentsOf: [UInt8](copying: line.readable))
    }
    do throws(SystemError) {
      try Files.makeDirectories(Files.directory(of: path), mode: 0o700)
      try Files.replace(path, with: bytes.span, mode: 0o600)
    } catch {
      throw .file(path: path, error)
    }
    return bytes.count
  }
}
