;; Packages by name, from the Debian channel.
(define-module (gnu packages)
  #:use-module (guix packages)
  #:use-module (guix profiles)
  #:use-module (guix gexp)
  #:use-module (srfi srfi-1)
  #:use-module (trimaran guix)
  #:export (specification->package specification->package+output specifications->manifest
            specifications->packages find-packages-by-name find-best-packages-by-name
            specification->location search-patch search-patches))

(define packages (make-hash-table))

;; SPECIFICATION is NAME[@VERSION][:OUTPUT].
(define (specification->package+output specification . _)
  (unless (string? specification)
    (%fail "bad-specification" (format #f "~s is no package specification" specification)
           "write it as a string: \"python-uvicorn@0.17\""))
  (let* ((facts (%debian-package specification))
         (key (assoc-ref facts "key"))
         (package (or (hash-ref packages key)
                      (let ((made (debian-package facts)))
                        (hash-set! packages key made)
                        made))))
    (values package (assoc-ref facts "output"))))

(define (specification->package specification)
  (call-with-values (lambda () (specification->package+output specification))
    (lambda (package output) package)))

(define (specifications->packages specifications)
  (map (lambda (specification)
         (call-with-values (lambda () (specification->package+output specification)) list))
       specifications))

(define (specifications->manifest specifications)
  (unless (list? specifications)
    (%fail "bad-specification" (format #f "`specifications->manifest' takes a list of strings, not ~s" specifications) #f))
  (packages->manifest (specifications->packages specifications)))

(define* (find-packages-by-name name #:optional version)
  (if (%debian-package? name)
      (list (specification->package (if version (string-append name "@" version) name)))
      '()))
(define find-best-packages-by-name find-packages-by-name)

(define (specification->location specification) #f)

(define (search-patch name)
  (%fail "no-patches" (string-append name ": the Debian channel has no patches") #f))
(define-syntax-rule (search-patches name ...) (list (search-patch name) ...))

(default-guile (lambda () (specification->package "guile")))
