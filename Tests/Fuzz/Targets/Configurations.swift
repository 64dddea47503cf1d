// Configuration text: whatever the files say, the loader tells it and stays alive, and what it
// accepts can be compiled to the end.

import Assembly
import Bytes
import Config
import Policy

func fuzzConfiguration(_ input: Span<UInt8>) {
  let bytes = input.copied
  let log = DiagnosticLog()
  let source = ConfigSource(
    readFile: { path, _ in
      // The text is its own include and environment file.
      switch path {
      case "gateway.conf", "part.conf", ".env": .bytes(bytes)
      case "old.txt": .bytes(Array("id\n".utf8))
      default: .missing
      }
    },
    listDirectory: { _ in .names(["part.conf", "gateway.conf", ".env"]) },
    environment: { name in
      name.utf8.count == 1 ? Array("a secret of 40 bytes for fuzzing, \(name) it".utf8) : nil
    })
  let configuration = Configuration.load(path: "gateway.conf", source: source, log: log)
  check((configuration == nil) == log.hasErrors, "neither a configuration nor an error")
  _ = log.rendered
  if let configuration {
    _ = PolicySet(configuration.policy, revocations: RevocationTable())
  }
}
