// What `group` and `route` blocks say, from the outside in, before it becomes a definition.

import Policy
import Proxy
import Tokens

/// What the blocks around a route have said so far.
struct RouteScope {
  var prefix = ""
  /// The part of the prefix that is not forwarded.
  var strippedPrefix = ""
  /// Who answers: a backend or the gateway itself.
  var target: RouteTarget?
  var hosts: [(rule: HostRule, text: String)] = []
  var listeners: [Int] = []
  var auth: AuthRule?
  var realms: [Int] = []
  /// What of the token the backend gets.
  var forwarding: ForwardingLine?
  /// What tokens must say, and how the configuration says it.
  var requirements: [(line: ClaimRequirement, text: String)] = []
  var limits: [Int] = []
  var cors: CORSRule?
  /// Who may come, block by block.
  var addresses: [AddressLines] = []
  var errors: ErrorStyle?
  var flask422: Bool?
  var onSuccess = SuccessMeaning.nothing
  var allowsMethodFallthrough = false
  var body: Int?
  var timeout: Int?
  var readTimeout: Int?
  var bodyTimeout: Int?
  var totalTimeout: Int?
  var streamIdle: Int?
  var tokenGrace: Int?
  /// The `mode observe` line that holds here, by its place in `Compiler.observeLines`.
  var observeLine: Int?
  /// True when something in it was reported; its routes are not judged further.
  var isBroken = false
  /// True when it has a line that nobody understood; its routes are not compared with others.
  var isDoubtful = false
}
