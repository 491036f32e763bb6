;; Manifests, and the profiles that they become.
(define-module (guix profiles)
  #:use-module (guix records)
  #:use-module (guix packages)
  #:use-module (guix gexp)
  #:use-module (guix search-paths)
  #:use-module (srfi srfi-1)
  #:use-module (ice-9 match)
  #:use-module (trimaran guix)
  #:export (manifest manifest? manifest-entries make-manifest
            manifest-entry manifest-entry? manifest-entry-name manifest-entry-version manifest-entry-output
            manifest-entry-item manifest-entry-dependencies manifest-entry-search-paths manifest-entry-properties
            package->manifest-entry packages->manifest concatenate-manifests
            manifest-add manifest-remove manifest-installed? manifest-pattern manifest-matching-entries
            manifest-lookup map-manifest-entries manifest-search-paths package->development-manifest
            manifest-pattern? manifest-derivation manifest-summary))

(define-record-type* <manifest> %manifest make-manifest manifest?
  (entries manifest-entries))

(define (manifest entries)
  (unless (and (list? entries) (every manifest-entry? entries))
    (%fail "bad-manifest" (format #f "`manifest' takes a list of manifest entries, not ~s" entries)
           "use packages->manifest for packages, specifications->manifest for names"))
  (make-manifest entries))

(define-record-type* <manifest-entry> manifest-entry make-manifest-entry manifest-entry? this-manifest-entry
  (name manifest-entry-name)
  (version manifest-entry-version)
  (output manifest-entry-output (default "out"))
  (item manifest-entry-item)
  (dependencies manifest-entry-dependencies (default '()))
  (search-paths manifest-entry-search-paths (default '()))
  (parent manifest-entry-parent (default #f))
  (properties manifest-entry-properties (default '())))

(define* (package->manifest-entry package #:optional (output "out") #:key (parent #f) (properties '()))
  (unless (package? package)
    (%fail "not-a-package" (format #f "~s is no package" package)
           "give a package, or its name to specifications->manifest"))
  (unless (member output (package-outputs package))
    (%fail "no-such-output" (format #f "package `~a' lacks output `~a'" (package-full-name package) output) #f))
  (manifest-entry
   (name (package-name package))
   (version (package-version package))
   (output output)
   (item package)
   (dependencies (map (match-lambda
                        ((_ (? package? p)) (package->manifest-entry p))
                        ((_ (? package? p) output) (package->manifest-entry p output)))
                      (package-propagated-inputs package)))
   (search-paths (append (package-native-search-paths package) (package-search-paths package)))
   (properties properties)))

(define (packages->manifest packages)
  (unless (list? packages)
    (%fail "bad-manifest" (format #f "`packages->manifest' takes a list of packages, not ~s" packages) #f))
  (manifest
   (delete-duplicates
    (map (match-lambda
           (((? package? package) (? string? output)) (package->manifest-entry package output))
           ((? package? package) (package->manifest-entry package))
           (other (package->manifest-entry other)))
         packages)
    same-entry?)))

(define (same-entry? a b)
  (and (equal? (manifest-entry-name a) (manifest-entry-name b))
       (equal? (manifest-entry-output a) (manifest-entry-output b))
       (eq? (manifest-entry-item a) (manifest-entry-item b))))

(define (concatenate-manifests manifests)
  (for-each (lambda (item)
              (unless (manifest? item)
                (%fail "bad-manifest" (format #f "`concatenate-manifests' takes a list of manifests, but one is ~s" item)
                       "use packages->manifest for packages, specifications->manifest for names")))
            manifests)
  (make-manifest (append-map manifest-entries manifests)))

(define-record-type* <manifest-pattern> manifest-pattern make-manifest-pattern manifest-pattern?
  (name manifest-pattern-name)
  (version manifest-pattern-version (default #f))
  (output manifest-pattern-output (default "out")))

(define (matches? pattern entry)
  (and (equal? (manifest-pattern-name pattern) (manifest-entry-name entry))
       (or (not (manifest-pattern-output pattern))
           (equal? (manifest-pattern-output pattern) (manifest-entry-output entry)))
       (or (not (manifest-pattern-version pattern))
           (equal? (manifest-pattern-version pattern) (manifest-entry-version entry)))))

(define (manifest-matching-entries manifest patterns)
  (filter (lambda (entry) (any (lambda (pattern) (matches? pattern entry)) patterns))
          (manifest-entries manifest)))
(define (manifest-lookup manifest pattern)
  (find (lambda (entry) (matches? pattern entry)) (manifest-entries manifest)))
(define (manifest-installed? manifest pattern) (manifest-entry? (manifest-lookup manifest pattern)))
(define (manifest-remove manifest patterns)
  (make-manifest (remove (lambda (entry) (any (lambda (pattern) (matches? pattern entry)) patterns))
                         (manifest-entries manifest))))
(define (manifest-add manifest entries)
  (make-manifest (append (manifest-entries manifest) entries)))
(define (map-manifest-entries proc manifest)
  (make-manifest (map proc (manifest-entries manifest))))
(define (package->development-manifest package . _)
  (packages->manifest (filter package? (map cadr (package-direct-inputs package)))))

(define (all-entries manifest)
  (define (with-dependencies entry)
    (cons entry (append-map with-dependencies (manifest-entry-dependencies entry))))
  (delete-duplicates (append-map with-dependencies (manifest-entries manifest)) same-entry?))

(define (manifest-search-paths manifest)
  (delete-duplicates
   (cons $PATH (append-map manifest-entry-search-paths (all-entries manifest)))))

;; Names and versions, for the name of what is packed and for its provenance.
(define (manifest-summary manifest)
  (map (lambda (entry) (list (manifest-entry-name entry) (manifest-entry-version entry)))
       (manifest-entries manifest)))

;; The derivation of a manifest's profile. PROVENANCE is text for the properties of every entry, or #f.
(define (manifest-derivation manifest provenance)
  (define entries (all-entries manifest))
  (define debian (filter (lambda (entry) (debian-package? (manifest-entry-item entry))) entries))
  (define environment
    (and (pair? debian)
         (derivation-lowered
          (%debian-environment "debian-packages"
                               (append-map (lambda (entry) (package-debian-names (manifest-entry-item entry)))
                                           debian)))))
  (define (lower-item entry)
    (let ((item (manifest-entry-item entry)))
      (cond ((memq entry debian) environment)
            ((string? item) (make-lowered item #f "out"))
            (else (lower-object item (manifest-entry-output entry))))))
  (define lowered (map lower-item entries))
  (%derivation "profile" "builtin:guix-profile" '()
               `(("environment" . ,(and environment (lowered-path environment)))
                 ("provenance" . ,provenance)
                 ("searchPaths" . ,(list->vector (map search-path->attributes (manifest-search-paths manifest))))
                 ("entries" . ,(list->vector
                                (map (lambda (entry item)
                                       `(("name" . ,(manifest-entry-name entry))
                                         ("version" . ,(manifest-entry-version entry))
                                         ("output" . ,(manifest-entry-output entry))
                                         ("debian" . ,(if (memq entry debian) #t #f))
                                         ("path" . ,(lowered-path item))))
                                     entries lowered))))
               lowered '("out") #f))
