"""Makes the documents of this folder. They are made by programs that know nothing of this project;
all names, numbers and texts are invented.

    python3 -m venv venv && venv/bin/pip install reportlab weasyprint fpdf2 pypdf openpyxl xlsxwriter xlwt pillow msoffcrypto-tool
    venv/bin/python make.py
"""

import io
import pathlib

HERE = pathlib.Path(__file__).parent


def reportlab_invoice():
    """A German invoice over three pages: letter head, a table that goes on, an empty page, totals."""
    from reportlab.lib import colors
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.styles import getSampleStyleSheet
    from reportlab.platypus import PageBreak, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

    styles = getSampleStyleSheet()
    lines = [
        ("MUG-001", "Steinzeugbecher, blau", 24, 6.40),
        ("MUG-002", "Steinzeugbecher, sand", 36, 6.40),
        ("TEA-001", "Earl Grey, lose, 100 g", 60, 3.10),
        ("POT-001", "Teekanne aus Borosilikatglas mit Sieb,<br/>spülmaschinenfest, 1,2 l", 6, 17.90),
        ("KET-001", "Wasserkessel", 1200, 29.00),
    ]
    more = [("TEA-002", "Sencha, lose, 100 g", 40, 4.25), ("COF-001", "Röstkaffee, 500 g", 20, 7.75)]

    def euros(amount):
        return f"{amount:,.2f} €".replace(",", "x").replace(".", ",").replace("x", ".")

    def quantity(count):
        return f"{count:,}".replace(",", ".")

    def table(rows, start, total=None):
        head = ["Pos.", "Artikelnummer", "Bezeichnung", "Menge", "Einzelpreis", "Betrag"]
        body = [
            [str(n), key, Paragraph(name, styles["Normal"]), quantity(count), euros(price), euros(count * price)]
            for n, (key, name, count, price) in enumerate(rows, start)
        ]
        if total is not None:
            body.append(["", "", "Summe netto", "", "", euros(total)])
            body.append(["", "", "zzgl. 19 % USt.", "", "", euros(total * 0.19)])
        drawn = Table([head, *body], colWidths=[32, 84, 190, 48, 68, 78])
        drawn.setStyle(
            TableStyle(
                [
                    ("FONTNAME", (0, 0), (-1, 0), "Helvetica-Bold"),
                    ("LINEBELOW", (0, 0), (-1, 0), 0.8, colors.black),
                    ("ALIGN", (3, 0), (-1, -1), "RIGHT"),
                    ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ]
            )
        )
        return drawn

    total = sum(count * price for _, _, count, price in lines + more)
    story = [
        Paragraph("Nordwind Teehandel GmbH", styles["Title"]),
        Paragraph("Speicherstraße 12 · 20457 Hamburg", styles["Normal"]),
        Spacer(1, 24),
        Paragraph("Rechnung 2026-0412", styles["Heading2"]),
        Paragraph("Lieferdatum: 14.03.2026 · Kundennummer: K-10077", styles["Normal"]),
        Spacer(1, 12),
        table(lines, 1),
        PageBreak(),
        Spacer(1, 1),
        PageBreak(),
        Paragraph("Rechnung 2026-0412, Fortsetzung", styles["Heading3"]),
        table(more, len(lines) + 1, total),
        Spacer(1, 24),
        Paragraph("Zahlbar innerhalb von 30 Tagen ohne Abzug.", styles["Normal"]),
    ]
    SimpleDocTemplate(str(HERE / "invoice-german.pdf"), pagesize=A4, invariant=1).build(story)


def weasyprint_order():
    """An English order from HTML, with embedded subset fonts and an odd header."""
    import weasyprint

    rows = [
        ("1", "MUG-001", "Stoneware mug, blue", "12", "each"),
        ("2", "TEA-003", "Darjeeling, first flush", "30", "bag"),
        ("3", "FLT-001", "Paper filters", "5", "box of 100"),
    ]
    cells = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    html = f"""<html><head><style>
      @page {{ size: A4; margin: 2cm; @bottom-center {{ content: "Page " counter(page) " of " counter(pages); font-size: 8pt }} }}
      body {{ font: 10pt sans-serif }} table {{ width: 100%; border-collapse: collapse; margin-top: 1em }}
      th, td {{ border: 1px solid #999; padding: 4px 8px; text-align: left }} td:nth-child(4) {{ text-align: right }}
    </style></head><body>
      <h1>Purchase order PO-7731</h1>
      <p>Harbour Café &amp; Kitchen<br>4 Quay Street, Whitby</p>
      <p>Please deliver the following items by 20 March:</p>
      <table><tr><th>Line</th><th>Item no.</th><th>Description</th><th>Qty</th><th>Unit</th></tr>{cells}</table>
      <p>With kind regards, the purchasing team</p>
    </body></html>"""
    weasyprint.HTML(string=html).write_pdf(HERE / "order-english.pdf")


def fpdf_delivery():
    """A delivery note as running lines, without a table."""
    import datetime

    import fpdf

    page = fpdf.FPDF()
    page.set_compression(False)
    page.set_creation_date(datetime.datetime(2026, 3, 14, tzinfo=datetime.timezone.utc))
    page.add_page()
    page.set_font("Courier", size=11)
    for line in ["Delivery note 5521", "", "MUG-002 x 36", "KET-001 x 8", "COF-001 x 20", "", "Received with thanks."]:
        page.cell(0, 6, line, new_x="LMARGIN", new_y="NEXT")
    page.output(str(HERE / "delivery-note.pdf"))


def scan():
    """Two scanned pages: pictures, and not a letter of text."""
    from PIL import Image, ImageDraw

    pages = []
    for words in ["MUG-001   24", "Summe 153,60"]:
        image = Image.new("L", (420, 594), 245)
        ImageDraw.Draw(image).text((40, 80), words, fill=20)
        pages.append(image)
    pages[0].save(HERE / "scan.pdf", save_all=True, append_images=pages[1:], resolution=72)
    pages[0].save(HERE / "photo.png")


def locked():
    """The order with a password to open it, and with one that only forbids changing it."""
    import pypdf

    for name, user in [("locked.pdf", "secret"), ("read-only.pdf", "")]:
        writer = pypdf.PdfWriter(clone_from=HERE / "order-english.pdf")
        writer.encrypt(user_password=user, owner_password="owner", algorithm="AES-256")
        writer.write(HERE / name)


def broken():
    """The invoice as a download that broke off."""
    whole = (HERE / "invoice-german.pdf").read_bytes()
    (HERE / "broken.pdf").write_bytes(whole[: len(whole) // 3])


def workbooks():
    import datetime

    import openpyxl
    import xlsxwriter

    # Title rows, a header in German, amounts by formula, a totals row, a sheet of remarks, an empty one.
    book = xlsxwriter.Workbook(HERE / "invoice-german.xlsx")
    book.set_properties({"created": datetime.datetime(2026, 3, 14)})
    sheet = book.add_worksheet("Rechnung")
    bold, money = book.add_format({"bold": True}), book.add_format({"num_format": '#,##0.00 "€"'})
    date = book.add_format({"num_format": "dd.mm.yyyy"})
    sheet.merge_range("A1:E1", "Nordwind Teehandel GmbH", bold)
    sheet.write("A2", "Rechnung 2026-0413")
    sheet.write("D2", "Datum")
    sheet.write_datetime("E2", datetime.datetime(2026, 3, 14), date)
    sheet.write_row("A4", ["Artikel-Nr.", "Bezeichnung", "Menge", "Einzelpreis", "Betrag"], bold)
    lines = [
        ("MUG-001", "Steinzeugbecher, blau", 24, 6.40),
        ("TEA-001", 'Earl Grey "Spezial", lose', 60, 3.10),
        ("KET-001", "Wasserkessel", 1200, 29.0),
    ]
    for row, (key, name, count, price) in enumerate(lines, 4):
        sheet.write_row(row, 0, [key, name, count])
        sheet.write(row, 3, price, money)
        sheet.write_formula(row, 4, f"=C{row + 1}*D{row + 1}", money, count * price)
    sheet.write(8, 1, "Summe", bold)
    sheet.write_formula(8, 4, "=SUM(E5:E7)", money, sum(c * p for _, _, c, p in lines))
    book.add_worksheet("Leer")
    notes = book.add_worksheet("Hinweise")
    notes.write("A1", "Zahlbar innerhalb von 30 Tagen.")
    book.close()

    # An order by another program: text that looks like numbers, a hidden sheet, two tables on two sheets.
    book = openpyxl.Workbook()
    book.properties.created = datetime.datetime(2026, 3, 14)
    sheet = book.active
    sheet.title = "Order"
    sheet.append(["Order for week 12"])
    sheet.append([])
    sheet.append(["Item no.", "Item", "Qty.", "Wanted by"])
    sheet.append(["MUG-001", "Mug, blue", 12, datetime.date(2026, 3, 20)])
    sheet.append(["TEA-003", "Darjeeling", "30", datetime.date(2026, 3, 20)])
    sheet.append(["", "Total", 42])
    more = book.create_sheet("More")
    more.append(["Qty.", "Item no."])
    more.append([5, "FLT-001"])
    hidden = book.create_sheet("Lists")
    hidden.sheet_state = "hidden"
    hidden.append(["Item no.", "Qty."])
    hidden.append(["MUG-999", 1])
    book.save(HERE / "order-english.xlsx")

    # Product data in odd columns.
    book = openpyxl.Workbook()
    book.active.title = "Data sheet"
    book.active.append(["Article number", "Colour", "Material", "Weight (g)", "EAN"])
    book.active.append(["MUG-001", "blue", "stoneware", 340, "4006381333931"])
    book.active.append(["POT-001", "clear", "borosilicate glass", 610.5, "4006381333962"])
    book.save(HERE / "data-sheet.xlsx")


def locked_workbook():
    import msoffcrypto.format.ooxml

    plain = io.BytesIO((HERE / "order-english.xlsx").read_bytes())
    with open(HERE / "locked.xlsx", "wb") as out:
        msoffcrypto.format.ooxml.OOXMLFile(plain).encrypt("secret", out)


def legacy_workbook():
    import xlwt

    book = xlwt.Workbook()
    sheet = book.add_sheet("Order")
    for row, line in enumerate([["Item no.", "Qty"], ["MUG-001", 12], ["TEA-003", 30]]):
        for column, cell in enumerate(line):
            sheet.write(row, column, cell)
    book.save(str(HERE / "legacy.xls"))


def texts():
    table = "Artikelnummer;Bezeichnung;Menge\r\nMUG-001;Becher, größer;24\r\nTEA-002;Sencha;1.040\r\n;Summe;1.064\r\n"
    (HERE / "order-windows-1252.csv").write_bytes(table.encode("cp1252"))
    (HERE / "order-utf-16.csv").write_bytes(table.replace(";", "\t").encode("utf-16"))
    (HERE / "order.md").write_text(
        "# Order 88\n\nHello, please send:\n\n| Item no. | What | Qty |\n| :--- | :--- | ---: |\n"
        "| MUG-001 | Mug, blue | 12 |\n| TEA-003 | Darjeeling | 30 |\n| | **Total** | 42 |\n\nThanks!\n"
    )
    (HERE / "order.json").write_text(
        '{"order": "PO-1", "lines": [{"sku": "MUG-001", "quantity": 12}, {"sku": "TEA-003", "quantity": 30}]}\n'
    )


for make in [
    reportlab_invoice, weasyprint_order, fpdf_delivery, scan, locked, broken,
    workbooks, locked_workbook, legacy_workbook, texts,
]:
    make()
