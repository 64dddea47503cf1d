import Foundation
import Policy
import Proxy
import Testing

@testable import Assembly

/// Imported files: every line is an id, or the gateway doesn't start.
@Suite struct BlocklistTests {
  @Test(arguments: [
    ("ids", "a\nb-1\n", nil),
    ("comments, empty lines, CRLF, no last line feed", "# c\r\n\r\na\r\nb", nil),
    ("letters beyond ASCII", "caf\u{e9}\n", nil),
    ("the longest", String(repeating: "x", count: 1024), nil),
    ("longer", String(repeating: "x", count: 1025), 1),
    ("two words", "a\nb c\n", 2),
    ("a control", "a\u{1}b\n", 1),
    ("a byte order mark", "\u{feff}a\nb\n", 1),
    ("another encoding than UTF-8", "a\ncaf\u{e9}\n", 2),
  ])
  func refusesWhatIsNoTokenID(name: String, text: String, line: Int?) throws {
    let encoding = name.hasPrefix("another") ? String.Encoding.isoLatin1 : .utf8
    let path = NSTemporaryDirectory() + "import-\(UUID().uuidString)"
    try #require(text.data(using: encoding)).write(to: URL(fileURLWithPath: path))
    defer { try? FileManager.default.removeItem(atPath: path) }
    var settings = BlocklistSettings()
    settings.importPaths = [path]
    let blocklist = Blocklist(
      settings: settings, realms: [], table: RevocationTable(), nowSeconds: 0)
    var told: String?
    do throws(BootFault) { try blocklist.importFiles() } catch { told = error.description }
    if let line {
      #expect(told?.contains("line \(line) is not a token id") == true, "\(name)")
    } else {
      #expect(told == nil, "\(name)")
    }
  }
}
