// What the blocklist knows when the gateway starts: the journal of earlier runs and imported files.
//
// Blocking; before any worker runs, so this thread is the table's one writer.

import Bytes
import EventLoop
import Policy
import Proxy
import Tokens

/// Loads the revocation table at start.
struct Blocklist {
  /// Largest imported file.
  static let importBytesMaximum = 1 << 30
  /// Longest token id in an imported file.
  static let tokenIDBytesMaximum = 1024

  let settings: BlocklistSettings
  let realms: [Realm]
  let table: RevocationTable
  let nowSeconds: Int64

  /// Opens the journal and applies what it holds; nil without a journal.
  func openJournal(_ control: Mailbox<ControlMessage>) throws(BootFault) -> (
    journal: Journal?, notes: [String]
  ) {
    guard let path = settings.journalPath else { return (nil, []) }
    let opened: (journal: Journal, content: JournalContent)
    do throws(JournalFault) {
      opened = try Journal.open(
        path: path, sync: settings.journalSync, control: control, nowSeconds: nowSeconds)
    } catch {
      throw .journal(error)
    }
    for entry in opened.content.entries { try apply(entry) }
    var notes: [String] = []
    if opened.content.hadTornTail {
      notes.append("\(path): the last line was torn and has been dropped")
    }
    if opened.content.unknownLineCount > 0 {
      notes.append(
        "\(path): skipped \(opened.content.unknownLineCount) lines of a later version")
    }
    return (opened.journal, notes)
  }

  /// Blocks the token ids of every imported file in every realm of the blocklist.
  func importFiles() throws(BootFault) {
    for path in settings.importPaths {
      let bytes: [UInt8]
      do throws(SystemError) {
        bytes = try Files.read(path, bytesMaximum: Blocklist.importBytesMaximum)
      } catch {
        throw .importFile(path: path, reason: error.reason)
      }
      try importLines(bytes.span, path: path)
    }
  }

  /// A line that is no token id stops the start: skipping it would forget a revocation.
  private func importLines(_ bytes: Span<UInt8>, path: String) throws(BootFault) {
    var start = 0
    var number = 0
    while start < bytes.count {
      number += 1
      let end = bytes.firstIndex(of: UInt8(ascii: "\n"), from: start) ?? bytes.count
      let line = trimmed(bytes, from: start, to: end)
      start = end + 1
      if line.isEmpty || bytes[line.lower] == UInt8(ascii: "#") { continue }
      let identifier = bytes.slice(line)
      // U+FEFF: a byte order mark is no part of the first id, and nobody sees it there.
      guard identifier.count <= Blocklist.tokenIDBytesMaximum, isPrintable(identifier),
        let name = String(validating: [UInt8](copying: identifier), as: UTF8.self),
        !name.unicodeScalars.contains("\u{feff}")
      else {
        throw .importFile(
          path: path, reason: "line \(number) is not a token id: one printable jti a line, in UTF-8"
        )
      }
      let text = "jti:" + name
      for index in settings.realmIndices {
        try apply(.token(identifier: text, realm: realms[index], nowSeconds: nowSeconds))
      }
    }
  }

  private func apply(_ entry: RevocationEntry) throws(BootFault) {
    guard table.apply(entry, nowSeconds: nowSeconds) else {
      throw .blocklistFull(count: table.count)
    }
  }

  private func trimmed(_ bytes: Span<UInt8>, from start: Int, to end: Int) -> ByteRange {
    var lower = start
    var upper = end
    while lower < upper, bytes[lower] <= 0x20 { lower += 1 }
    while upper > lower, bytes[upper - 1] <= 0x20 { upper -= 1 }
    return ByteRange(lower, upper)
  }

  private func isPrintable(_ bytes: Span<UInt8>) -> Bool {
    for index in 0..<bytes.count where bytes[index] <= 0x20 || bytes[index] == 0x7f {
      return false
    }
    return true
  }
}
