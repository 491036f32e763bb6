;; What (gnu) gives manifests: packages by name, and ways to load package modules.
(define-module (gnu)
  #:use-module (gnu packages)
  #:use-module (guix packages)
  #:use-module (guix gexp)
  #:export (use-package-modules use-service-modules use-system-modules)
  #:re-export (specification->package specification->package+output specifications->manifest
               specifications->packages local-file plain-file mixed-text-file program-file computed-file
               scheme-file file-append gexp ungexp))

(define-syntax use-package-modules
  (lambda (s)
    (syntax-case s ()
      ((_ name ...)
       (with-syntax (((module ...)
                      (map (lambda (name) (datum->syntax name `(gnu packages ,(syntax->datum name))))
                           #'(name ...))))
         #'(use-modules module ...))))))

(define-syntax-rule (use-service-modules name ...)
  (error "services belong to Guix System and are not supported:" 'name ...))
(define-syntax-rule (use-system-modules name ...)
  (error "(gnu system …) belongs to Guix System and is not supported:" 'name ...))
