;; (trimaran build) for scripts that run in an image's own Guile: what (guix build utils) is made of.
(define-module (trimaran build)
  #:export (%directory? %symlink? %executable? %write-file %invoke))

(define (%directory? file) (and (file-exists? file) (eq? 'directory (stat:type (stat file)))))
(define (%symlink? file)
  (let ((status (false-if-exception (lstat file)))) (and status (eq? 'symlink (stat:type status)))))
(define (%executable? file) (access? file X_OK))
(define (%write-file file text)
  (call-with-output-file file (lambda (port) (display text port))))
(define (%invoke program arguments)
  (let ((status (apply system* program arguments)))
    (unless (zero? status) (error "program failed:" program arguments status))
    #t))
