;; Derivations as programs see them.
(define-module (guix derivations)
  #:use-module (trimaran guix)
  #:re-export (derivation?)
  #:export (derivation-file-name derivation->output-path derivation-name))

(define (derivation-file-name derivation) (%derivation-file derivation))
(define* (derivation->output-path derivation #:optional (output "out")) (%derivation-output derivation output))
(define (derivation-name derivation) (%derivation-name derivation))
