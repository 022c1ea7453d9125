using System.CommandLine;
using Harness.Matrix;
using Harness.Results;
using Harness.Serve;

namespace Harness.Cli;

/// <summary><c>harness blocks</c>: stores and filters with their parameters.</summary>
internal static class BlocksVerb
{
    private static readonly Argument<string?> Name = new("NAME")
    {
        Description = "a store or filter; without it all are listed",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private static readonly Option<string?> Json = OptionParsers.Json();

    public static Command Create()
    {
        var verb = new Command("blocks", "the stores and filters of which 'serve --block' makes chains, with their parameters") { Name, Json };
        verb.Validators.Add(result =>
        {
            string[] legal = [.. BlocksDocument.All().Blocks.Select(block => block.Name)];
            if (result.Written(Name) is { } name && !legal.Contains(name))
            {
                result.AddError(Suggest.Unknown("block", name, legal));
            }
        });
        verb.SetAction(parse => (int)Show(parse.GetValue(Name), parse.GetValue(Json)));
        return verb;
    }

    private static ExitCode Show(string? name, string? json)
    {
        var document = BlocksDocument.All();
        if (name is not null)
        {
            document = document with { Blocks = [document.Blocks.First(block => block.Name == name)] };
        }

        JsonOutput.Write(json, document, types => types.BlocksDocument);
        if (!JsonOutput.TakesStdout(json))
        {
            StandardOutput.Write(name is null ? BlocksText.List(document) : BlocksText.One(document.Blocks[0]));
        }

        return ExitCode.Done;
    }
}
