;; Packages and origins, and what they become in the store.
(define-module (guix packages)
  #:use-module (guix records)
  #:use-module (guix build-system)
  #:use-module (guix gexp)
  #:use-module (guix base32)
  #:use-module (srfi srfi-1)
  #:use-module (ice-9 match)
  #:use-module (ice-9 regex)
  #:use-module (trimaran guix)
  #:re-export (build-system build-system?)
  #:export (package package? this-package package-name package-version package-source package-build-system
            package-arguments package-inputs package-native-inputs package-propagated-inputs package-outputs
            package-native-search-paths package-search-paths package-synopsis package-description
            package-license package-home-page package-supported-systems package-properties package-location
            package-full-name package/inherit package-derivation package-upstream-name
            package-direct-inputs package-transitive-propagated-inputs hidden-package package-field-location
            modify-inputs lookup-package-input this-package-input this-package-native-input
            origin origin? this-origin origin-uri origin-method origin-hash origin-file-name origin-patches origin-snippet origin-patch-flags
            origin-modules
            content-hash content-hash? content-hash-value content-hash-algorithm
            base32 base64 debian-build-system debian-package debian-package? package-debian-names
            location? location-file location-line location-column))

(define-record-type* <location> %location make-location location?
  (file location-file) (line location-line) (column location-column))

;; Hashes.

(define-record-type* <content-hash> %content-hash make-content-hash content-hash?
  (value content-hash-value) (algorithm content-hash-algorithm))

(define-syntax content-hash
  (syntax-rules ()
    ((_ (value algorithm)) (content-hash value algorithm))
    ((_ value) (make-content-hash (hash-bytes value) 'sha256))
    ((_ value algorithm) (make-content-hash (hash-bytes value) 'algorithm))))

(define (hash-bytes value)
  (if (string? value) (nix-base32-string->bytevector value) value))

(define (base32 text) (nix-base32-string->bytevector text))
(define (base64 text) (%base64 text))

;; Origins.

(define-record-type* <origin> %origin make-origin origin? this-origin
  (uri origin-uri)
  (method origin-method)
  (hash origin-hash (default #f))
  (file-name origin-file-name (default #f))
  (patches origin-patches (default '()) (delayed))
  (snippet origin-snippet (default #f))
  (patch-flags origin-patch-flags (default '("-p1")))
  (patch-inputs origin-patch-inputs (default #f))
  (modules origin-modules (default '())))

;; (sha256 X) is another way to write (hash (content-hash X sha256)).
(define-syntax origin
  (lambda (s)
    (syntax-case s ()
      ((_ clause ...)
       #`(%origin
          #,@(map (lambda (clause)
                    (syntax-case clause ()
                      ((name value)
                       (and (identifier? #'name) (eq? (syntax->datum #'name) 'sha256))
                       #'(hash (content-hash value sha256)))
                      (_ clause)))
                  #'(clause ...)))))))

;; What is fetched; patches and a snippet then change a copy of it, a folder where Guix packs an archive anew.
(define-lowering! origin?
  (lambda (origin output)
    (unless (origin-hash origin)
      (%fail "no-hash" "an origin has no hash" "add (sha256 (base32 \"…\")); building says which it is"))
    (let ((fetched ((origin-method origin) (origin-uri origin)
                    (content-hash-algorithm (origin-hash origin)) (content-hash-value (origin-hash origin))
                    (origin-file-name origin)))
          (patches (origin-patches origin))
          (snippet (origin-snippet origin)))
      (derivation-lowered
       (if (and (null? patches) (not snippet))
           fetched
           (changed-source (source-name (%derivation-name fetched)) (derivation-lowered fetched) origin))
       output))))

(define (source-name name)
  (let ((suffix (find (lambda (suffix) (string-suffix? suffix name))
                      '(".tar.gz" ".tar.xz" ".tar.bz2" ".tar.lz" ".tar.zst" ".tgz" ".txz" ".tbz2" ".tbz" ".tar"))))
    (if suffix (string-drop-right name (string-length suffix)) name)))

(define (strip-count flags)
  (match (delete "--binary" flags)
    (() 0)
    (((? (lambda (flag) (and (string? flag) (string-match "^-p[0-9]+$" flag))) flag))
     (string->number (string-drop flag 2)))
    (_ (%fail "unsupported-field" (format #f "an origin's `patch-flags' ~s are not supported" flags)
              "-p0, -p1 and so on are"))))

(define (changed-source name source origin)
  (let* ((patches (map (lambda (patch)
                         (lower-object (if (string? patch) (local-file patch) patch)))
                       (origin-patches origin)))
         (patched (%derivation name "builtin:guix-patch" '()
                               `(("source" . ,(lowered-path source))
                                 ("patches" . ,(list->vector (map lowered-path patches)))
                                 ("strip" . ,(strip-count (origin-patch-flags origin))))
                               (cons source patches) '("out") #f))
         (snippet (origin-snippet origin)))
    (if snippet
        (gexp-derivation
         name
         (with-imported-modules '((guix build utils))
           #~(begin
               (use-modules #$@(origin-modules origin))
               (copy-recursively #$(derivation-lowered patched) #$output)
               (chdir #$output)
               #$snippet)))
        patched)))

;; Packages.

(define-record-type* <package> %package make-package package? this-package
  (name package-name)
  (version package-version)
  (source package-source)
  (build-system package-build-system)
  (arguments package-arguments (default '()) (thunked))
  (inputs package-inputs (default '()) (thunked))
  (propagated-inputs package-propagated-inputs (default '()) (thunked))
  (native-inputs package-native-inputs (default '()) (thunked))
  (outputs package-outputs (default '("out")))
  (native-search-paths package-native-search-paths (default '()))
  (search-paths package-search-paths (default '()))
  (synopsis package-synopsis)
  (description package-description)
  (license package-license)
  (home-page package-home-page)
  (supported-systems package-supported-systems (default '("x86_64-linux" "aarch64-linux")))
  (properties package-properties (default '()))
  (replacement package-replacement (default #f) (thunked) (innate))
  (location package-location (default #f) (innate)))

(set-record-type-printer!
 <package>
 (lambda (package port)
   (let ((location (package-location package)))
     (format port "#<package ~a@~a ~a~a>" (package-name package) (package-version package)
             (if location
                 (format #f "~a:~a " (location-file location) (location-line location))
                 "")
             (number->string (object-address package) 16)))))

(define (label-inputs inputs)
  (map (match-lambda
         ((? package? p) (list (package-name p) p))
         (((? package? p) (? string? output)) (list (package-name p) p output))
         (((? string? label) . rest) (cons label rest))
         (other (list "_" other)))
       inputs))

;; The macro of users: notes where the package is defined, and lets inputs be plain lists of packages.
(define-syntax package
  (lambda (s)
    (define (wrap clause)
      (syntax-case clause ()
        ((name value)
         (and (identifier? #'name) (memq (syntax->datum #'name) '(inputs native-inputs propagated-inputs)))
         #'(name (label-inputs value)))
        (_ clause)))
    (define (location-clause clauses)
      (let ((place (syntax-source s)))
        (if (or (not place)
                (any (lambda (clause)
                       (syntax-case clause ()
                         ((name _) (eq? (syntax->datum #'name) 'location))
                         (_ #f)))
                     clauses))
            '()
            (list #`(location (make-location #,(assq-ref place 'filename)
                                             #,(+ 1 (assq-ref place 'line))
                                             #,(assq-ref place 'column)))))))
    (syntax-case s ()
      ((_ clause ...)
       #`(%package #,@(map wrap #'(clause ...)) #,@(location-clause #'(clause ...)))))))

(define-syntax-rule (package/inherit base clause ...)
  (package (inherit base) clause ...))

(define* (package-full-name package #:optional (delimiter "@"))
  (string-append (package-name package) delimiter (package-version package)))

(define (package-upstream-name package)
  (or (assq-ref (package-properties package) 'upstream-name) (package-name package)))

(define (hidden-package p) (package (inherit p) (properties `((hidden? . #t) ,@(package-properties p)))))

(define (package-direct-inputs package)
  (append (package-native-inputs package) (package-inputs package) (package-propagated-inputs package)))

(define (package-transitive-propagated-inputs package)
  (append-map (lambda (input)
                (if (package? (cadr input))
                    (cons input (package-transitive-propagated-inputs (cadr input)))
                    (list input)))
              (package-propagated-inputs package)))

(define (lookup-input inputs name)
  (match (assoc name inputs) ((_ value . _) value) (#f #f)))
(define (lookup-package-input package name) (lookup-input (package-inputs package) name))
(define-syntax-rule (this-package-input name) (lookup-input (package-inputs this-package) name))
(define-syntax-rule (this-package-native-input name) (lookup-input (package-native-inputs this-package) name))
(define (package-field-location package field) (package-location package))

(define (delete-input inputs name)
  (remove (lambda (input) (equal? (car input) name)) inputs))

(define (replace-input inputs name replacement)
  (map (lambda (input) (if (equal? (car input) name) (cons* name replacement (cddr input)) input)) inputs))

(define-syntax modify-inputs
  (syntax-rules (delete prepend append replace)
    ((_ inputs (delete name) clause ...)
     (modify-inputs (delete-input inputs name) clause ...))
    ((_ inputs (delete name more ...) clause ...)
     (modify-inputs (delete-input inputs name) (delete more ...) clause ...))
    ((_ inputs (prepend item ...) clause ...)
     (modify-inputs (append (label-inputs (list item ...)) inputs) clause ...))
    ((_ inputs (append item ...) clause ...)
     (modify-inputs (append inputs (label-inputs (list item ...))) clause ...))
    ((_ inputs (replace name replacement) clause ...)
     (modify-inputs (replace-input inputs name replacement) clause ...))
    ((_ inputs) inputs)))

(define derivations (make-hash-table))

(define (package-derivation package)
  (or (hashq-ref derivations package)
      (let* ((before (%place! (place-of package)))
             (derivation (make-derivation package)))
        (%place! before)
        (hashq-set! derivations package derivation)
        derivation)))

;; As errors show it.
(define (place-of package)
  (let ((location (package-location package)))
    (and location
         (list (location-file location) (location-line location) (location-column location)))))

(define (make-derivation package)
  (let ((system (package-build-system package)))
    (unless (build-system? system)
      (%fail "unknown-build-system"
             (format #f "package `~a': ~s is no build system" (package-full-name package) system)
             "use copy-build-system or trivial-build-system, or the Debian package of the same program"))
    (unless (member (%system) (package-supported-systems package))
      (%fail "unsupported-system"
             (format #f "package ~a does not support ~a" (package-full-name package) (%system)) #f))
    (if (eq? (build-system-name system) 'debian)
        ((build-system-lower system) (package-full-name package "-") #:package package)
        (apply (build-system-lower system) (package-full-name package "-")
               #:source (package-source package)
               #:inputs (append (package-inputs package) (package-native-inputs package)
                                (package-propagated-inputs package))
               #:outputs (package-outputs package)
               (package-arguments package)))))

(define (check-output package output)
  (unless (member output (package-outputs package))
    (%fail "no-such-output"
           (format #f "package `~a' lacks output `~a'" (package-full-name package) output)
           (format #f "its outputs are ~{~a~^, ~}" (package-outputs package)))))

(define-lowering! package?
  (lambda (package output)
    (check-output package output)
    (derivation-lowered (package-derivation package) output)))

;; Packages of the Debian channel.

(define debian-build-system
  (build-system
   (name 'debian)
   (description "Packages that Debian has built")
   (lower (lambda* (name #:key package #:allow-other-keys)
            (%debian-environment (package-full-name package "-") (package-debian-names package))))))

(define (debian-package? object)
  (and (package? object)
       (build-system? (package-build-system object))
       (eq? (build-system-name (package-build-system object)) 'debian)))

(define (package-debian-names package) (assq-ref (package-properties package) 'debian-packages))

;; FACTS is what %debian-package gives of a specification's name.
(define (debian-package facts)
  (define (fact name) (assoc-ref facts name))
  (%package
   (name (fact "name"))
   (version (fact "version"))
   (source #f)
   (build-system debian-build-system)
   (synopsis (fact "synopsis"))
   (description (fact "description"))
   (home-page (fact "home-page"))
   (license #f)
   (properties `((debian-packages . ,(fact "packages"))))))
