// gdk-pixbuf's loaders.cache, which names the modules that read kinds of images beyond those in the library. The tool that
// writes it, gdk-pixbuf-query-loaders(1), loads each module and asks; what the modules of Debian answer is recorded here, alike
// from bullseye to trixie (gdk-pixbuf 2.42.2 to 2.42.12). Modules that are not among them are left out.

/** What both names of librsvg's module answer. */
const scalable = [
  '"svg" 6 "gdk-pixbuf" "Scalable Vector Graphics" "LGPL"',
  '"image/svg+xml" "image/svg" "image/svg-xml" "image/vnd.adobe.svg+xml" "text/xml-svg" "image/svg+xml-compressed" ""',
  '"svg" "svgz" "svg.gz" ""',
  '" <svg" "*    " 100',
  '" <!DOCTYPE svg" "*             " 100',
];

/** What a module answers, line by line, in the words of the file. */
const answers: Readonly<Record<string, readonly string[] | undefined>> = {
  'io-wmf.so': [
    '"wmf" 0 "gdk-pixbuf" "Windows Metafile" ""',
    '"image/x-wmf" ""',
    '"wmf" "apm" ""',
    String.raw`"\327\315\306\232" "" 100`,
    String.raw`"\001" "" 100`,
  ],
  'libpixbufloader-ani.so': [
    '"ani" 4 "gdk-pixbuf" "Windows animated cursor" "LGPL"',
    '"application/x-navi-animation" ""',
    '"ani" ""',
    '"RIFF    ACON" "    xxxx    " 100',
  ],
  'libpixbufloader-avif.so': [
    '"avif" 5 "gdk-pixbuf" "AV1 Image File Format" "BSD"',
    '"image/avif" ""',
    '"avif" ""',
    '"    ftypavif" "zzz         " 100',
  ],
  'libpixbufloader-bmp.so': [
    '"bmp" 5 "gdk-pixbuf" "BMP" "LGPL"',
    '"image/bmp" "image/x-bmp" "image/x-MS-bmp" ""',
    '"bmp" ""',
    '"BM" "" 100',
  ],
  'libpixbufloader-gif.so': [
    '"gif" 4 "gdk-pixbuf" "GIF" "LGPL"',
    '"image/gif" ""',
    '"gif" ""',
    '"GIF8" "" 100',
  ],
  'libpixbufloader-heif.so': [
    '"heif/avif" 4 "pixbufloader-heif" "HEIF/AVIF Image" "LGPL3"',
    '"image/heif" "image/heic" "image/avif" ""',
    '"heif" "heic" "avif" ""',
    '"    ftyp" "xxxx    " 100',
  ],
  'libpixbufloader-icns.so': [
    '"icns" 4 "gdk-pixbuf" "MacOS X icon" "GPL"',
    '"image/x-icns" ""',
    '"icns" ""',
    '"icns" "" 100',
  ],
  'libpixbufloader-ico.so': [
    '"ico" 5 "gdk-pixbuf" "Windows icon" "LGPL"',
    '"image/x-icon" "image/x-ico" "image/x-win-bitmap" "image/vnd.microsoft.icon" "application/ico" "image/ico" "image/icon" "text/ico" ""',
    '"ico" "cur" ""',
    String.raw`"  \001   " "zz znz" 100`,
    String.raw`"  \002   " "zz znz" 100`,
  ],
  'libpixbufloader-jpeg.so': [
    '"jpeg" 5 "gdk-pixbuf" "JPEG" "LGPL"',
    '"image/jpeg" ""',
    '"jpeg" "jpe" "jpg" ""',
    String.raw`"\377\330" "" 100`,
  ],
  'libpixbufloader-jxl.so': [
    '"jxl" 5 "gdk-pixbuf" "JPEG XL image" "BSD-3"',
    '"image/jxl" ""',
    '"jxl" ""',
    String.raw`"\377\n" "  " 100`,
    String.raw`"...\fJXL \r\n\207\n" "zzz         " 100`,
  ],
  'libpixbufloader-png.so': [
    '"png" 5 "gdk-pixbuf" "PNG" "LGPL"',
    '"image/png" ""',
    '"png" ""',
    String.raw`"\211PNG\r\n\032\n" "" 100`,
  ],
  'libpixbufloader-pnm.so': [
    '"pnm" 4 "gdk-pixbuf" "PNM/PBM/PGM/PPM" "LGPL"',
    '"image/x-portable-anymap" "image/x-portable-bitmap" "image/x-portable-graymap" "image/x-portable-pixmap" ""',
    '"pnm" "pbm" "pgm" "ppm" ""',
    '"P1" "" 100',
    '"P2" "" 100',
    '"P3" "" 100',
    '"P4" "" 100',
    '"P5" "" 100',
    '"P6" "" 100',
  ],
  'libpixbufloader-qtif.so': [
    '"qtif" 4 "gdk-pixbuf" "QuickTime" "LGPL"',
    '"image/x-quicktime" "image/qtif" ""',
    '"qtif" "qif" ""',
    '"abcdidsc" "xxxx    " 100',
    '"abcdidat" "xxxx    " 100',
  ],
  'libpixbufloader-svg.so': scalable,
  // Its name since librsvg 2.60.
  'libpixbufloader_svg.so': scalable,
  'libpixbufloader-tga.so': [
    '"tga" 4 "gdk-pixbuf" "Targa" "LGPL"',
    '"image/x-tga" ""',
    '"tga" "targa" ""',
    String.raw`" \001\001" "x  " 100`,
    String.raw`" \001\t" "x  " 100`,
    String.raw`"  \002" "xz " 99`,
    String.raw`"  \003" "xz " 100`,
    String.raw`"  \n" "xz " 100`,
    String.raw`"  \v" "xz " 100`,
  ],
  'libpixbufloader-tiff.so': [
    '"tiff" 5 "gdk-pixbuf" "TIFF" "LGPL"',
    '"image/tiff" ""',
    '"tiff" "tif" ""',
    '"MM *" "  z " 100',
    '"II* " "   z" 100',
    String.raw`"II* \020   CR\002 " "   z zzz   z" 0`,
  ],
  'libpixbufloader-webp.so': [
    '"webp" 5 "gdk-pixbuf" "The WebP image format" "LGPL"',
    '"image/webp" "audio/x-riff" ""',
    '"webp" ""',
    '"RIFFsizeWEBP" "    xxxx    " 100',
  ],
  'libpixbufloader-xbm.so': [
    '"xbm" 4 "gdk-pixbuf" "XBM" "LGPL"',
    '"image/x-xbitmap" ""',
    '"xbm" ""',
    '"#define " "" 100',
    '"/*" "" 50',
  ],
  'libpixbufloader-xpm.so': [
    '"xpm" 4 "gdk-pixbuf" "XPM" "LGPL"',
    '"image/x-xpixmap" ""',
    '"xpm" ""',
    '"/* XPM */" "" 100',
  ],
};

/**
 * The text of a loaders.cache for modules given by absolute paths, in any order; `version` is gdk-pixbuf's own. Undefined where
 * none of them is known.
 */
export function writePixbufLoaders(paths: readonly string[], version: string): string | undefined {
  const sorted = [...paths].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  const blocks = sorted.flatMap((path) => {
    const name = path.slice(path.lastIndexOf('/') + 1);
    const lines = Object.hasOwn(answers, name) ? answers[name] : undefined;
    return lines === undefined ? [] : [[`"${path}"`, ...lines, '', ''].join('\n')];
  });
  if (blocks.length === 0) return undefined;
  const head = [
    '# GdkPixbuf Image Loader Modules file',
    '# Automatically generated file, do not edit',
    `# Created by gdk-pixbuf-query-loaders from gdk-pixbuf-${version}`,
    '#',
    '',
  ];
  return `${head.join('\n')}${blocks.join('')}\n`;
}
