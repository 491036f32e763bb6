;; Environment variables that packages ask for, such as PATH.
(define-module (guix search-paths)
  #:use-module (guix records)
  #:export (search-path-specification search-path-specification? search-path-specification-variable
            search-path-specification-files search-path-specification-separator
            search-path-specification-file-type search-path-specification-file-pattern
            $PATH $SSL_CERT_DIR $SSL_CERT_FILE $PKG_CONFIG_PATH search-path->attributes))

(define-record-type* <search-path-specification>
  search-path-specification make-search-path-specification search-path-specification?
  (variable search-path-specification-variable)
  (files search-path-specification-files)
  (separator search-path-specification-separator (default ":"))
  (file-type search-path-specification-file-type (default 'directory))
  (file-pattern search-path-specification-file-pattern (default #f)))

(define $PATH (search-path-specification (variable "PATH") (files '("bin" "sbin"))))
(define $SSL_CERT_DIR
  (search-path-specification (variable "SSL_CERT_DIR") (files '("etc/ssl/certs")) (separator #f)))
(define $SSL_CERT_FILE
  (search-path-specification (variable "SSL_CERT_FILE") (files '("etc/ssl/certs/ca-certificates.crt"))
                             (separator #f) (file-type 'regular)))
(define $PKG_CONFIG_PATH
  (search-path-specification (variable "PKG_CONFIG_PATH") (files '("lib/pkgconfig" "share/pkgconfig"))))

(define (search-path->attributes path)
  `(("variable" . ,(search-path-specification-variable path))
    ("files" . ,(list->vector (search-path-specification-files path)))
    ("separator" . ,(search-path-specification-separator path))
    ("fileType" . ,(symbol->string (search-path-specification-file-type path)))
    ("pattern" . ,(search-path-specification-file-pattern path))))
