;; (guix): what programs that only say (use-modules (guix)) expect.
(define-module (guix)
  #:use-module (guix packages)
  #:use-module (guix gexp)
  #:use-module (guix profiles)
  #:use-module (guix build-system)
  #:use-module (guix derivations))

(for-each (lambda (name)
            (module-use! (module-public-interface (current-module)) (resolve-interface name)))
          '((guix packages) (guix gexp) (guix profiles) (guix build-system) (guix derivations)))
