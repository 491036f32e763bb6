;; Nix's base 32, in which Guix writes hashes.
(define-module (guix base32)
  #:use-module (trimaran guix)
  #:export (nix-base32-string->bytevector bytevector->nix-base32-string))

(define (nix-base32-string->bytevector text) (%base32-decode text))
(define (bytevector->nix-base32-string bytes) (%base32-encode bytes))
