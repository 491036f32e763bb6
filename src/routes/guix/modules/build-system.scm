;; Build systems: how a package becomes a derivation. `lower` is called with the package's full name and keywords
;; (#:source, #:inputs, #:outputs, and the package's own arguments) and gives a derivation.
(define-module (guix build-system)
  #:use-module (guix records)
  #:export (build-system build-system? build-system-name build-system-description build-system-lower))

(define-record-type* <build-system> build-system make-build-system build-system?
  (name build-system-name)
  (description build-system-description)
  (lower build-system-lower))
