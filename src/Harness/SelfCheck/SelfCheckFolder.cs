using System.Globalization;
using System.Text.Json;
using Harness.Compare;
using Harness.Matrix;
using Harness.Results;

namespace Harness.SelfCheck;

/// <summary>
/// Where a self-check lies: <c>self-check.json</c> and the same as Markdown, <c>matrix.yml</c>, a file per comparison in <c>comparisons/</c>, and the runs
/// themselves in <c>raw/</c>, which is not committed. Whole at every moment: what was cut short is the comparison that was under way.
/// </summary>
internal sealed class SelfCheckFolder
{
    private const string DocumentFile = "self-check.json";
    private const string MarkdownFile = "self-check.md";
    private const string Comparisons = "comparisons";
    private const string Raw = "raw";

    private SelfCheckFolder(string path, SelfCheckDocument document)
    {
        Path = path;
        Document = document;
    }

    public string Path { get; }

    public SelfCheckDocument Document { get; private set; }

    /// <summary>Creates <c>root/machine/date-self-check-commit</c>.</summary>
    /// <exception cref="HarnessException">It cannot be written to.</exception>
    public static SelfCheckFolder Create(string root, SelfCheckDocument document, string matrixText)
    {
        string date = document.Started.UtcDateTime.ToString("yyyy-MM-dd'T'HHmmss", CultureInfo.InvariantCulture);
        string path = System.IO.Path.Combine(root, document.Machine, $"{date}-self-check-{document.Commit}");
        try
        {
            Directory.CreateDirectory(System.IO.Path.Combine(path, Comparisons));
            File.WriteAllText(System.IO.Path.Combine(path, ResultsFolder.MatrixFile), matrixText);
        }
        catch (Exception e) when (FileTrouble.Is(e))
        {
            throw new HarnessException(ExitCode.Failed, $"cannot create the folder '{path}': {FileTrouble.Reason(e, path)}; choose another place with --results DIR", e);
        }
        var folder = new SelfCheckFolder(path, document);
        folder.Write(document);
        return folder;
    }

    /// <summary>Reads one that was cut short, to go on with it.</summary>
    /// <exception cref="HarnessException">There is none, or it cannot be read.</exception>
    public static SelfCheckFolder Open(string path)
    {
        string file = System.IO.Path.Combine(path, DocumentFile);
        try
        {
            var document = JsonSerializer.Deserialize(File.ReadAllText(file), ResultsJson.Document.SelfCheckDocument) ?? throw new JsonException("it is null");
            return document.Schema == SelfCheckDocument.CurrentSchema
                ? new SelfCheckFolder(path, document)
                : throw new HarnessException(ExitCode.Failed, $"'{path}' has schema {document.Schema}, this program goes on with {SelfCheckDocument.CurrentSchema}; begin anew");
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new HarnessException(ExitCode.Usage, $"'{path}' holds no {DocumentFile}; give a folder that harness self-check wrote", e);
        }
        catch (Exception e) when (e is JsonException || FileTrouble.Is(e))
        {
            throw new HarnessException(ExitCode.Failed, $"cannot read '{file}': {OneLine.Of(e.Message)}", e);
        }
    }

    /// <summary>The matrix as it was read at the beginning.</summary>
    public MatrixDefinition ReadMatrix() =>
        MatrixReader.Read(System.IO.Path.Combine(Path, ResultsFolder.MatrixFile), Document.Brief) with { Name = Document.Matrix };

    /// <summary>Where a side's runs of one comparison go.</summary>
    public string Side(int comparison, string side) => System.IO.Path.Combine(Path, Raw, Number(comparison), side);

    /// <summary>Removes what a comparison that was cut short has left.</summary>
    public void Clear(int comparison)
    {
        string raw = System.IO.Path.Combine(Path, Raw, Number(comparison));
        if (Directory.Exists(raw))
        {
            Directory.Delete(raw, recursive: true);
        }
    }

    /// <summary>
    /// Writes what <c>harness compare --json</c> would, with folders named from here and of the figures only those that differ: the others are many, and can
    /// be had again from the runs. Why nothing could be said of some stands among the notes.
    /// </summary>
    public void Write(int comparison, string side, CompareDocument document)
    {
        ComparedSide Named(ComparedSide which) => which with { Runs = [.. which.Runs.Select(run => System.IO.Path.GetRelativePath(Path, run))] };
        var brief = document with
        {
            Base = Named(document.Base),
            New = Named(document.New),
            Notes = [.. document.Notes.Concat(CompareLines.Doubts(document)).Select(note => note.Replace(Path + "/", "", StringComparison.Ordinal))],
            Cells = [.. document.Cells.Select(cell => cell with { Figures = [.. cell.Figures.Where(IsFinding)] })],
        };
        string path = System.IO.Path.Combine(Path, Comparisons, $"{Number(comparison)}-{side}.json");
        File.WriteAllText(path, JsonSerializer.Serialize(brief, ResultsJson.Document.CompareDocument) + "\n");
    }

    private static bool IsFinding(FigureResult figure) => figure.Gated && figure.Verdict is Verdict.Worse or Verdict.Better;

    /// <summary>Replaces the document: a reader sees the old one or the new one.</summary>
    public void Write(SelfCheckDocument document)
    {
        Document = document;
        Replace(DocumentFile, JsonSerializer.Serialize(document, ResultsJson.Document.SelfCheckDocument) + "\n");
        Replace(MarkdownFile, SelfCheckMarkdown.Of(document));
    }

    private void Replace(string name, string text)
    {
        string path = System.IO.Path.Combine(Path, name);
        File.WriteAllText(path + ".new", text);
        File.Move(path + ".new", path, overwrite: true);
    }

    private static string Number(int comparison) => comparison.ToString("00", CultureInfo.InvariantCulture);
}
