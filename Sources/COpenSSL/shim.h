// The part of OpenSSL that the gateway uses, for Swift's importer.
//
// SHA256_CTX and its functions are deprecated since 3.0 but not removed. They are used on purpose:
// a context is a plain value that can be precomputed per key and copied on the stack, while the EVP
// layer fetches an implementation and allocates for every MAC (some microseconds per token).
// Everything about asymmetric keys goes through EVP.

#ifndef GATEWAY_COPENSSL_SHIM_H
#define GATEWAY_COPENSSL_SHIM_H

#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

// Macros too nested for the importer.
static const int keySelectionPublic = EVP_PKEY_PUBLIC_KEY;
static const int keySelectionPair = EVP_PKEY_KEYPAIR;

// TLS: what OpenSSL offers as macros over its control functions.
static const uint64_t tlsOptions = SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION;
static const unsigned tlsHostFlags =
    X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT;

static inline int tlsSetMinimumToTLS12(SSL_CTX *context) {
  return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1
      && SSL_CTX_set_max_proto_version(context, 0) == 1;
}

static inline void tlsSetModes(SSL_CTX *context) {
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER
      | SSL_MODE_RELEASE_BUFFERS);
}

static inline int tlsSetServerName(SSL *session, const char *name) {
  return SSL_set_tlsext_host_name(session, name) == 1;
}

/// Makes an empty memory BIO say "later" instead of "the end".
static inline void tlsEmptyMeansLater(BIO *bio) { BIO_set_mem_eof_return(bio, -1); }

#endif
