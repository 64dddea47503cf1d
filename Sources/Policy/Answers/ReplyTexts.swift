// What the gateway's own answers say, in each style: literals only, so that no byte of a request can
// get into an answer.
//
// What the client sees is short and constant; what the log sees is exact (the reason's name). The
// front ends that stand behind these styles compare texts, so those of the frameworks are theirs.

import HTTPWire
import Tokens

/// The words of an answer.
struct ReplyTexts {
  let refusal: Refusal
  /// The route wants a refresh token; some frameworks say so.
  let wantsRefresh: Bool

  /// One sentence for a person (`problem`, `nestjs`, `coded`).
  var sentence: StaticString {
    switch refusal {
    case .denied(let reason):
      switch reason {
      case .missing: return "Authorization token required"
      case .expired: return "Token has expired"
      case .revoked: return "Token has been revoked"
      case .malformed, .tooLarge, .unsupportedAlgorithm, .unknownKey, .badSignature,
        .notYetValid, .lifetimeExceeded, .wrongTokenType, .wrongIssuer, .wrongAudience:
        return "Invalid token"
      case .missingClaim, .insufficientScope: return "Not allowed with this token"
      case .ambiguousCredentials: return "More than one credential in the request"
      }
    case .malformed(let fault):
      switch fault.status {
      case 414: return "The request target is too long"
      case 417: return "Only 100-continue can be expected"
      case 431: return "The header fields are too many or too large"
      case 501: return "The method or the transfer coding is not supported"
      case 505: return "The HTTP version is not supported"
      default: return "The request can't be read in exactly one way"
      }
    case .requestTimeout: return "The request did not arrive in time"
    case .headTooLarge: return "The request head is too large"
    case .bodyTooLarge: return "The request body is too large"
    case .bodyCoded: return "This request body must not be compressed"
    case .bodyUnreadable: return "The request body is not well-formed"
    case .badEscape: return "The path holds an invalid percent escape"
    case .ambiguousPath: return "The path can be read in more than one way"
    case .noRoute: return "Nothing is here"
    case .methodNotAllowed: return "The method is not allowed here"
    case .preflightRefused: return "Cross-origin request not allowed"
    case .originRefused: return "Origin not allowed"
    case .csrfRefused: return "CSRF token missing or wrong"
    case .addressRefused: return "Not allowed from this address"
    case .limited, .addressBudgetSpent: return "Too many requests"
    case .upstreamFailed: return "The backend can't be reached"
    case .upstreamTimeout: return "The backend did not answer in time"
    case .unavailable, .workerBudgetSpent: return "Temporarily unavailable"
    }
  }

  /// Flask-JWT-Extended's `msg`, with PyJWT's words where it passes them on.
  var flaskMessage: StaticString {
    guard case .denied(let reason) = refusal else { return sentence }
    switch reason {
    case .missing: return "Missing Authorization Header"
    case .expired: return "Token has expired"
    case .revoked: return "Token has been revoked"
    case .unsupportedAlgorithm: return "The specified alg value is not allowed"
    case .unknownKey, .badSignature: return "Signature verification failed"
    case .notYetValid: return "The token is not yet valid (nbf)"
    case .wrongTokenType:
      return wantsRefresh
        ? "Only refresh tokens are allowed" : "Only non-refresh tokens are allowed"
    case .wrongIssuer: return "Invalid issuer"
    case .wrongAudience: return "Audience doesn't match"
    case .malformed, .tooLarge, .lifetimeExceeded: return "Invalid token"
    case .missingClaim, .insufficientScope: return "User claims verification failed"
    case .ambiguousCredentials: return sentence
    }
  }

  /// FastAPI's `detail`: HTTPBearer's word for a missing token, the usual one for a bad one.
  var fastAPIDetail: StaticString {
    guard case .denied(let reason) = refusal else {
      // Starlette's own words are the status's phrase.
      let isStarlettes = refusal == .noRoute || refusal == .methodNotAllowed
      return isStarlettes ? HeadWriter.reasonPhrase(of: refusal.status) : sentence
    }
    switch reason {
    case .missing: return "Not authenticated"
    case .expired, .revoked: return sentence
    case .malformed, .tooLarge, .unsupportedAlgorithm, .unknownKey, .badSignature, .notYetValid,
      .lifetimeExceeded, .wrongTokenType, .wrongIssuer, .wrongAudience:
      return "Could not validate credentials"
    case .missingClaim, .insufficientScope: return "Not enough permissions"
    case .ambiguousCredentials: return sentence
    }
  }

  /// Nest's `message`; `error` beside it is always the status's phrase. An exception thrown without
  /// words has that phrase as its message too.
  var nestMessage: StaticString {
    switch refusal {
    case .denied(.missing), .noRoute, .methodNotAllowed, .upstreamFailed, .upstreamTimeout,
      .unavailable, .workerBudgetSpent:
      return HeadWriter.reasonPhrase(of: refusal.status)
    case .denied(.missingClaim), .denied(.insufficientScope): return "Forbidden resource"
    case .limited, .addressBudgetSpent: return "ThrottlerException: Too Many Requests"
    case .denied, .malformed, .requestTimeout, .headTooLarge, .bodyTooLarge, .bodyCoded,
      .bodyUnreadable, .badEscape, .ambiguousPath, .preflightRefused, .originRefused,
      .csrfRefused, .addressRefused:
      return sentence
    }
  }

  /// The `code` of the coded style.
  var code: StaticString {
    switch refusal {
    case .denied(let reason):
      switch reason {
      case .missing: return "UNAUTHORIZED"
      case .expired: return "TOKEN_EXPIRED"
      case .revoked, .malformed, .tooLarge, .unsupportedAlgorithm, .unknownKey, .badSignature,
        .notYetValid, .lifetimeExceeded, .wrongTokenType, .wrongIssuer, .wrongAudience:
        return "TOKEN_INVALID"
      case .missingClaim, .insufficientScope: return "FORBIDDEN"
      case .ambiguousCredentials: return "BAD_REQUEST"
      }
    case .limited, .addressBudgetSpent: return "RATE_LIMITED"
    case .unavailable, .workerBudgetSpent: return "UNAVAILABLE"
    case .malformed, .requestTimeout, .headTooLarge, .bodyTooLarge, .bodyCoded, .bodyUnreadable,
      .badEscape, .ambiguousPath, .noRoute, .methodNotAllowed, .preflightRefused, .originRefused,
      .csrfRefused, .addressRefused, .upstreamFailed, .upstreamTimeout:
      return Self.code(ofStatus: refusal.status)
    }
  }

  private static func code(ofStatus status: Int) -> StaticString {
    switch status {
    case 403: "FORBIDDEN"
    case 404: "NOT_FOUND"
    case 405: "METHOD_NOT_ALLOWED"
    case 408: "REQUEST_TIMEOUT"
    case 413: "BODY_TOO_LARGE"
    case 414: "URI_TOO_LONG"
    case 415: "UNSUPPORTED_MEDIA_TYPE"
    case 417: "EXPECTATION_FAILED"
    case 431: "HEAD_TOO_LARGE"
    case 501: "NOT_IMPLEMENTED"
    case 502: "BAD_GATEWAY"
    case 504: "GATEWAY_TIMEOUT"
    case 505: "VERSION_NOT_SUPPORTED"
    default: "BAD_REQUEST"
    }
  }
}

extension Refusal {
  /// The status in a style: Flask-JWT-Extended itself answers 422 for a token that is there and can't
  /// be verified, and some front ends know it.
  func status(_ style: ErrorStyle) -> Int {
    guard style == .flaskUnprocessable, case .denied(let reason) = self else { return status }
    switch reason {
    case .malformed, .unsupportedAlgorithm, .unknownKey, .badSignature, .notYetValid,
      .wrongTokenType, .wrongIssuer, .wrongAudience:
      return 422
    case .missing, .tooLarge, .expired, .lifetimeExceeded, .revoked, .missingClaim,
      .insufficientScope, .ambiguousCredentials:
      return status
    }
  }
}
