using System.Text;
using System.Xml;

namespace Harness.Compare;

/// <summary>
/// A comparison as JUnit XML, in the form that Jenkins and GitLab read: a test case per cell, a failure where it is worse, skipped where nothing can
/// be said. What led to every figure's verdict is the case's output.
/// </summary>
internal static class CompareJUnit
{
    public static string Of(CompareDocument comparison)
    {
        var text = new StringWriter { NewLine = "\n" };
        // The writer would declare UTF-16, which strings are in; the file is UTF-8.
        var settings = new XmlWriterSettings { Indent = true, NewLineChars = "\n", OmitXmlDeclaration = true };
        using (var xml = XmlWriter.Create(text, settings))
        {
            xml.WriteStartElement("testsuites");
            xml.WriteStartElement("testsuite");
            xml.WriteAttributeString("name", $"harness compare {comparison.New.Matrix}");
            xml.WriteAttributeString("tests", XmlConvert.ToString(comparison.Cells.Count));
            xml.WriteAttributeString("failures", XmlConvert.ToString(comparison.Count(Verdict.Worse)));
            xml.WriteAttributeString("errors", "0");
            xml.WriteAttributeString("skipped", XmlConvert.ToString(comparison.Count(Verdict.CannotSay)));
            xml.WriteAttributeString("timestamp", XmlConvert.ToString(comparison.New.Started.UtcDateTime, "yyyy-MM-ddTHH:mm:ss"));
            WriteProperties(xml, comparison);
            foreach (var cell in comparison.Cells)
            {
                WriteCase(xml, comparison, cell);
            }
            xml.WriteEndElement();
            xml.WriteEndElement();
        }
        return $"""<?xml version="1.0" encoding="UTF-8"?>{"\n"}{text}{"\n"}""";
    }

    private static void WriteProperties(XmlWriter xml, CompareDocument comparison)
    {
        xml.WriteStartElement("properties");
        Property("verdict", comparison.Verdict.Words());
        Property("gate", comparison.Gate.ToString().ToLowerInvariant());
        Property("base.commit", comparison.Base.Commit);
        Property("new.commit", comparison.New.Commit);
        if (comparison.Confirmation is { } confirmation)
        {
            Property("confirmation.suspects", XmlConvert.ToString(confirmation.Suspects));
            Property("confirmation.confirmed", XmlConvert.ToString(confirmation.Confirmed));
            Property("confirmation.results", confirmation.Results ?? "none");
        }
        xml.WriteEndElement();

        void Property(string name, string value)
        {
            xml.WriteStartElement("property");
            xml.WriteAttributeString("name", name);
            xml.WriteAttributeString("value", Printable(value));
            xml.WriteEndElement();
        }
    }

    private static void WriteCase(XmlWriter xml, CompareDocument comparison, CellVerdict cell)
    {
        string message = Printable(cell.Decider is { } decider ? CompareLines.Said(decider) : cell.Reason ?? "");
        xml.WriteStartElement("testcase");
        xml.WriteAttributeString("classname", $"harness.{comparison.New.Matrix}");
        xml.WriteAttributeString("name", Printable(cell.Cell));
        if (cell.Verdict is Verdict.Worse or Verdict.CannotSay)
        {
            xml.WriteStartElement(cell.Verdict == Verdict.Worse ? "failure" : "skipped");
            xml.WriteAttributeString("message", message);
            xml.WriteEndElement();
        }
        var lines = cell.Figures.Select(figure => $"{figure.Verdict.Words()}{(figure.Gated ? "" : " (not gated)")}: {CompareLines.Said(figure)}");
        xml.WriteElementString("system-out", Printable(string.Join('\n', lines)));
        xml.WriteEndElement();
    }

    // An edited results folder can hold anything; XML cannot, not even escaped.
    private static string Printable(string text)
    {
        var printable = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes())
        {
            bool legal = rune.Value is '\n' or '\t' or (>= 0x20 and not 0xFFFE and not 0xFFFF);
            printable.Append(legal ? rune.ToString() : "\uFFFD");
        }
        return printable.ToString();
    }
}
